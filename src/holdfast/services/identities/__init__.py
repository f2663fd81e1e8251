"""
Use cases about caller certificates and gateway identities.
"""
