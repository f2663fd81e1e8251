"""
Who callers and gateways are: caller certificates and gateway identities.
"""
