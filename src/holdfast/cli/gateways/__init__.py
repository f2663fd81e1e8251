"""
Commands about gateways.
"""
