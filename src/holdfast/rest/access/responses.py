"""
Responses of operations on users, sessions and tokens.
"""

from typing_extensions import TypedDict

from holdfast.rest.responses import Date, Pagination, Timestamp


class User(TypedDict):
    """A user."""

    name: str
    roles: list[str]
    disabled: bool
    identityProvider: str | None


class Users(TypedDict):
    """A page of users, ordered by name."""

    count: int
    list: list[User]
    pagination: Pagination


class Account(User):
    """The current user, and the permissions of the request's credentials."""

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
    """The current user's sessions, newest first."""

    count: int
    list: list[Session]


class Organization(TypedDict):
    """An organization."""

    organization: str


class Organizations(TypedDict):
    """All organizations, ordered by name."""

    count: int
    list: list[Organization]


class NewOrganization(Organization):
    """An organization with its first admin."""

    admin: User


class Token(TypedDict):
    """A personal token, without its secret."""

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
    """The current user's personal tokens, and the scopes that new ones can have."""

    count: int
    scopes: list[str]
    list: list[Token]
