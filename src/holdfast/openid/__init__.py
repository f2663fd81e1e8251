"""
OpenID Connect Core 1.0, as a relying party: people sign in at an identity provider, which says who they are.
"""
