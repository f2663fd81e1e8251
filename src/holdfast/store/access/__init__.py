"""
The rows of users, organizations, sessions and tokens.
"""
