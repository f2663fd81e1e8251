"""
REST operations on what needs attention.
"""
