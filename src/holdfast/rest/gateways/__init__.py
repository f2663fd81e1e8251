"""
REST operations on gateways.
"""
