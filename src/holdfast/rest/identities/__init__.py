"""
REST operations on caller certificates and gateway identities.
"""
