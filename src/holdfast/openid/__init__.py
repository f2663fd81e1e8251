"""
OpenID Connect Core 1.0 relying party, for users who sign in through an identity provider.
"""
