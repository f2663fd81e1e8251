"""
REST operations that probe backends.
"""
