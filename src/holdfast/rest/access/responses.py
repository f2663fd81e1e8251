"""
What operations on users, sessions and tokens answer.
"""

from typing_extensions import TypedDict

from holdfast.rest.responses import Date, Pagination, Timestamp


class User(TypedDict):
    """A user; `identityProvider` is the issuer of those who have no password here."""

    name: str
    roles: list[str]
    disabled: bool
    identityProvider: str | None


class Users(TypedDict):
    """A page of users by name."""

    count: int
    list: list[User]
    pagination: Pagination


class Account(User):
    """Who one is, and what the credentials of the request permit."""

    organization: str
    permissions: list[str]


class Session(TypedDict):
    """A session of a browser."""

    id: str
    createdTime: Timestamp
    expiresTime: Timestamp
    address: str
    agent: str


class Sessions(TypedDict):
    """One's sessions, newest first."""

    count: int
    list: list[Session]


class Organization(TypedDict):
    """An organization."""

    organization: str


class Organizations(TypedDict):
    """All organizations by name."""

    count: int
    list: list[Organization]


class NewOrganization(Organization):
    """An organization with its first admin."""

    admin: User


class Token(TypedDict):
    """A personal token; nobody is told its secret again."""

    id: str
    name: str
    scopes: list[str]
    createdTime: Timestamp
    expiresTime: Timestamp
    lastUsedDate: Date | None


class NewToken(Token):
    """A personal token and its secret."""

    token: str


class Tokens(TypedDict):
    """One's personal tokens, and the scopes that one can give."""

    count: int
    scopes: list[str]
    list: list[Token]
