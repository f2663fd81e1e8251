"""
Caller certificates, which identify callers, and gateway identities, which gateways present to backends.
"""
