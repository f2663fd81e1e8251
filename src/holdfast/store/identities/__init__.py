"""
Queries for caller certificates and gateway identities.
"""
