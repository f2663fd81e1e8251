"""
REST operations on endpoint certificates and trust settings.
"""
