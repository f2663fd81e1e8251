"""
REST operations on gateways and their groups.
"""
