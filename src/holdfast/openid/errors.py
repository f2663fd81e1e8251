"""
Why an identity provider's word was not had, or not taken. What it is about is for the log, not for who signs in.
"""


class ProviderUnusable(RuntimeError):
    """The provider cannot be reached, or does not speak OpenID Connect as it must; the text says where and why."""


class IdentityRefused(PermissionError):
    """The provider gave no proof of who somebody is; the text says what is wrong with what it gave."""
