"""
The search over everything that a user may see.
"""
