"""
Users and their permissions: sign-in, sessions, tokens, OAuth, organizations.

Also in here: the context of use cases, and the audit log.
"""
