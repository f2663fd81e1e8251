"""
Pages about caller certificates and gateway identities.
"""
