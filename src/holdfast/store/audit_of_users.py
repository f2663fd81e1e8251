"""
The details of audit events about users, their sign-in and tokens.
"""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class UserRoles:
    """The roles of a user, and those before; *by_provider*: set from the user's groups at the identity provider."""

    roles: tuple[str, ...]
    disabled: bool = False
    by_provider: bool = False
    before: tuple[str, ...] = ()
    disabled_before: bool = False


@dataclass(frozen=True, slots=True)
class NewOrganization:
    """An organization with its first admin."""

    organization: str


@dataclass(frozen=True, slots=True)
class FailedSignIn:
    """Failed sign-ins: the *way* (such as `HTTP Basic`), why, how often, and whether from *several* addresses."""

    way: str
    reason: str
    count: int
    several: bool


@dataclass(frozen=True, slots=True)
class NewToken:
    """The scopes of a personal token, and its expiry (aware)."""

    scopes: tuple[str, ...]
    until: datetime


@dataclass(frozen=True, slots=True)
class TokenEnd:
    """A personal token was revoked; the flag is true if the request was authenticated with this token."""

    by_itself: bool = False
    scopes: tuple[str, ...] = ()  # that it had


@dataclass(frozen=True, slots=True)
class NewApplication:
    """An application, and the grants that it may use."""

    name: str
    grants: tuple[str, ...]
