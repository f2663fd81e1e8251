"""
Queries for endpoint certificates and trust settings.
"""
