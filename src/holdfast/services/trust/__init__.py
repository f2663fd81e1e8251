"""
Use cases about endpoint certificates and trust settings.
"""
