"""
Organizations, users and sessions in the database.
"""

from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from sqlalchemy import ColumnElement, delete, func, select, update
from sqlalchemy.orm import Session

from holdfast.store.folding import contains
from holdfast.store.stored_values import read_stored, read_texts
from holdfast.store.tables import OrganizationRow, SessionRow, UserRow

SESSION_ID = 16  # hex digits of a session's hash: enough to tell the sessions of one user apart


@dataclass(frozen=True, slots=True)
class ConfirmedIdentity:
    """A user's identity at an identity provider, and when the provider last confirmed it."""

    issuer: str
    subject: str
    confirmed_at: datetime


@dataclass(frozen=True, slots=True)
class User:
    """A user, who signs in with a password or, if they have an *identity*, only through their identity provider."""

    id: str
    organization: str
    name: str
    password_hash: str
    roles: frozenset[str] = frozenset()
    disabled: bool = False
    identity: ConfirmedIdentity | None = None
    signed_in_at: datetime | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class BrowserSession:
    """A session as shown to its user; the id is not a secret, and grants nothing."""

    id: str
    organization: str
    created_at: datetime
    expires_at: datetime
    address: str
    agent: str
    seen_at: datetime | None  # about when it was last used


def list_organizations(session: Session) -> list[str]:
    """Return the ids of all organizations; only for tasks that work for all of them."""
    return list(session.scalars(select(OrganizationRow.id).order_by(OrganizationRow.id)))


def insert_organization(session: Session, organization: str, now: datetime) -> None:
    """Insert a new organization."""
    session.add(OrganizationRow(id=organization, created_at=now))
    session.flush()


def insert_user(session: Session, user: User, now: datetime) -> None:
    """Insert a new user."""
    row = UserRow(
        id=user.id,
        organization_id=user.organization,
        name=user.name,
        password_hash=user.password_hash,
        roles=sorted(user.roles),
        disabled=user.disabled,
        issuer=user.identity.issuer if user.identity else None,
        subject=user.identity.subject if user.identity else None,
        confirmed_at=user.identity.confirmed_at if user.identity else None,
        created_at=now,
    )
    session.add(row)
    session.flush()


def update_user(session: Session, user: User) -> None:
    """Update the roles, disabled state and last confirmation of *user*; a disabled user's sessions end."""
    this = (UserRow.organization_id == user.organization, UserRow.id == user.id)
    confirmed_at = user.identity.confirmed_at if user.identity else None
    values = {"roles": sorted(user.roles), "disabled": user.disabled, "confirmed_at": confirmed_at}
    session.execute(update(UserRow).where(*this).values(values))
    if user.disabled:
        end_sessions(session, user)


def remove_user(session: Session, user: User) -> None:
    """Delete a user with their sessions, applications and tokens."""
    this = (UserRow.organization_id == user.organization, UserRow.id == user.id)
    session.execute(delete(UserRow).where(*this))


def set_password_hash(session: Session, user: User, password_hash: str) -> None:
    """Replace the password hash of *user*, and end their sessions."""
    this = (UserRow.organization_id == user.organization, UserRow.id == user.id)
    session.execute(update(UserRow).where(*this).values(password_hash=password_hash))
    end_sessions(session, user)


def get_user_by_name(session: Session, name: str) -> User | None:
    """Return the user who signs in as *name*; names are unique across organizations."""
    row = session.scalar(select(UserRow).where(UserRow.name == name))
    return read_user(row) if row else None


def has_password_user(session: Session, organization: str, role: str) -> bool:
    """Return whether a user of *organization* who can sign in with a password has *role*."""
    table = UserRow
    able = (table.organization_id == organization, ~table.disabled, table.issuer.is_(None))
    return any(role in _read_roles(row) for row in session.scalars(select(table).where(*able)))


def get_user_by_subject(session: Session, issuer: str, subject: str) -> User | None:
    """Return the user with this *subject* at the identity provider *issuer*."""
    row = session.scalar(select(UserRow).where(UserRow.issuer == issuer, UserRow.subject == subject))
    return read_user(row) if row else None


def get_user(session: Session, organization: str, name: str) -> User | None:
    """Return the user of an organization with this name."""
    row = session.scalar(select(UserRow).where(UserRow.organization_id == organization, UserRow.name == name))
    return read_user(row) if row else None


def find_users(
    session: Session, organization: str, offset: int = 0, limit: int | None = None, *, name: str = ""
) -> tuple[list[User], int]:
    """Return a page of an organization's users whose name contains *name*, ordered by name, and how many there are."""
    query = select(UserRow).where(UserRow.organization_id == organization, contains(UserRow.name, name))
    total = session.scalar(select(func.count()).select_from(query.subquery())) or 0
    users = [read_user(row) for row in session.scalars(query.order_by(UserRow.name).offset(offset).limit(limit))]
    return users, total


def count_users(session: Session, organization: str) -> int:
    """Count the users of an organization."""
    return session.scalar(select(func.count()).where(UserRow.organization_id == organization)) or 0


def insert_session(
    session: Session,
    token_hash: str,
    user: User,
    now: datetime,
    expires_at: datetime,
    address: str = "",
    agent: str = "",
) -> None:
    """Insert a session, and delete expired sessions."""
    session.execute(delete(SessionRow).where(SessionRow.expires_at <= now))
    row = SessionRow(
        token_hash=token_hash,
        organization_id=user.organization,
        user_id=user.id,
        created_at=now,
        expires_at=expires_at,
        address=address,
        agent=agent,
    )
    session.add(row)
    this = (UserRow.organization_id == user.organization, UserRow.id == user.id)
    session.execute(update(UserRow).where(*this).values(signed_in_at=now))
    session.flush()


def keep_newest_sessions(session: Session, user: User, count: int) -> None:
    """End all sessions of *user* except the newest *count*."""
    theirs = _match_user(user)
    newest = (
        select(SessionRow.token_hash)
        .where(*theirs)
        .order_by(SessionRow.created_at.desc(), SessionRow.token_hash)
        .limit(count)
    )
    session.execute(delete(SessionRow).where(*theirs, SessionRow.token_hash.not_in(newest)))


def get_session_user(session: Session, token_hash: str, now: datetime) -> User | None:
    """Return the user of a session, unless it has expired or the user is disabled."""
    found_session = get_session(session, token_hash, now)
    return found_session[0] if found_session else None


def get_session(session: Session, token_hash: str, now: datetime) -> tuple[User, datetime | None] | None:
    """Return the user of a session, as `get_session_user` does, and when the session was last seen."""
    query = select(SessionRow).where(SessionRow.token_hash == token_hash, SessionRow.expires_at > now)
    row = session.scalar(query)
    # SQLite compares texts: one that isn't a time may be greater than every time.
    is_valid = row is not None and row.expires_at > now and not row.user.disabled
    return (read_user(row.user), row.seen_at) if row and is_valid else None


def mark_seen(session: Session, token_hash: str, now: datetime) -> None:
    """Record that a session is being used."""
    session.execute(update(SessionRow).where(SessionRow.token_hash == token_hash).values(seen_at=now))


def list_sessions(session: Session, user: User, now: datetime) -> list[BrowserSession]:
    """Return the unexpired sessions of *user*, newest first."""
    query = (
        select(SessionRow)
        .where(*_match_user(user), SessionRow.expires_at > now)
        .order_by(SessionRow.created_at.desc(), SessionRow.token_hash)
    )
    return [
        BrowserSession(
            row.token_hash[:SESSION_ID],
            row.organization_id,
            row.created_at,
            row.expires_at,
            row.address,
            row.agent,
            row.seen_at,
        )
        for row in session.scalars(query)
    ]


def remove_session(session: Session, token_hash: str) -> None:
    """End a session."""
    session.execute(delete(SessionRow).where(SessionRow.token_hash == token_hash))


def remove_session_of(session: Session, user: User, session_id: str) -> bool:
    """End the session of *user* with this id; return whether there was one."""
    this = func.substr(SessionRow.token_hash, 1, SESSION_ID) == session_id
    hashes = session.scalars(delete(SessionRow).where(*_match_user(user), this).returning(SessionRow.token_hash))
    return bool(hashes.all())


def remove_other_sessions(session: Session, user: User, session_id: str) -> int:
    """End all sessions of *user* except the one with this id; return how many there were."""
    others = func.substr(SessionRow.token_hash, 1, SESSION_ID) != session_id
    hashes = session.scalars(delete(SessionRow).where(*_match_user(user), others).returning(SessionRow.token_hash))
    return len(hashes.all())


def end_sessions(session: Session, user: User) -> None:
    """End all sessions of *user*."""
    session.execute(delete(SessionRow).where(*_match_user(user)))


def read_user(row: UserRow) -> User:
    """Return the user in a row."""
    identity = None
    if row.issuer is not None and row.subject is not None and row.confirmed_at is not None:
        identity = ConfirmedIdentity(row.issuer, row.subject, row.confirmed_at)
    roles = frozenset(_read_roles(row))
    return User(
        row.id, row.organization_id, row.name, row.password_hash, roles, row.disabled, identity, row.signed_in_at
    )


def _read_roles(row: UserRow) -> tuple[str, ...]:
    """Return the roles of a user; none if they can't be read."""
    return read_stored(partial(read_texts, row.roles), "roles", row.organization_id, user=row.name) or ()


def _match_user(user: User) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return SessionRow.organization_id == user.organization, SessionRow.user_id == user.id
