"""
Revisions of APIs, and where they are deployed.
"""
