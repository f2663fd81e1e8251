"""
Errors of single sign-on. Their texts are for the log, not for the user who signs in.
"""


class ProviderUnusable(RuntimeError):
    """The provider can't be reached, or violates OpenID Connect; the text says where and why."""


class IdentityRefused(PermissionError):
    """The provider didn't prove the user's identity; the text says what is wrong with its answer."""
