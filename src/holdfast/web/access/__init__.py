"""
Pages about users, sign-in and tokens.
"""
