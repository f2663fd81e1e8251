"""
REST operations on gateways and what they enforce.
"""
