"""
Commands about contexts, signing in, users and organizations.
"""
