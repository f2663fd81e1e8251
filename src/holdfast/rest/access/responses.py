"""
Responses of operations on users, sessions and tokens, and on the audit log.
"""

from typing import Any

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


class CalendarFeed(TypedDict):
    """The current user's calendar feed, without its address."""

    createdTime: Timestamp
    expiresTime: Timestamp


class NewCalendarFeed(CalendarFeed):
    """A calendar feed and its address, which is the only credential."""

    url: str


class AuditChange(TypedDict):
    """A value before and after an event; empty: it had none."""

    name: str
    before: list[str]
    after: list[str]


class AuditEvent(TypedDict):
    """An audit event. `number` and the hashes are null while it isn't part of the hash chain yet."""

    number: int | None
    time: Timestamp
    user: str
    address: str | None
    requestId: str | None
    action: str
    subject: str
    detail: str
    details: dict[str, Any] | None
    changes: list[AuditChange]
    chainedLater: bool
    previousHash: str | None
    hash: str | None


class Continuation(TypedDict):
    """Where a list continues; empty at its end."""

    limit: int
    next: str


class AuditEvents(TypedDict):
    """A page of audit events, the newest first."""

    count: int
    list: list[AuditEvent]
    pagination: Continuation


class AuditLink(TypedDict):
    """An event in the hash chain; number 0: there is none."""

    number: int
    hash: str


class AuditChain(TypedDict):
    """The ends of the hash chain of an organization's audit events."""

    newest: AuditLink | None
    anchor: AuditLink | None
    anchoredTime: Timestamp | None
