"""
REST operations on users, sign-in and tokens.
"""
