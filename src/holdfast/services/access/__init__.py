"""
Use cases for users and permissions: sign-in, sessions, tokens, OAuth and organizations.

The context of use cases and the audit log are also here.
"""
