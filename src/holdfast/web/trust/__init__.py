"""
Pages about endpoint certificates and trust settings.
"""
