"""
The rows of endpoint certificates and trust settings.
"""
