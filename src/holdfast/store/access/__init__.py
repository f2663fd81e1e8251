"""
Queries for users, organizations, sessions and tokens.
"""
