"""
The rows of caller certificates and gateway identities.
"""
