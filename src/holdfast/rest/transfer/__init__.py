"""
REST operations on archives.
"""
