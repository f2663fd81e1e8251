"""
REST operations on watched endpoints.
"""
