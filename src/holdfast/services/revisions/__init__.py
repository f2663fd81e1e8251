"""
Revisions of APIs, and which groups of gateways serve them.
"""
