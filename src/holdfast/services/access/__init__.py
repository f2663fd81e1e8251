"""
Users and what they may do: signing in, sessions, tokens, OAuth, organizations.
"""
