"""
Commands about certificates and trust settings.
"""
