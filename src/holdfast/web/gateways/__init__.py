"""
Pages about gateways.
"""
