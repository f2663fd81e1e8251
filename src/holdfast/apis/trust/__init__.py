"""
Endpoint certificates and trust settings: which backends the gateway accepts.
"""
