"""
OpenID Connect Core 1.0, as a relying party: users sign in at an identity provider.
"""
