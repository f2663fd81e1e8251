"""
Organizations, users and sessions in the database.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from holdfast.store.tables import OrganizationRow, SessionRow, UserRow


@dataclass(frozen=True, slots=True)
class User:
    """Who may sign in."""

    id: str
    organization: str
    name: str
    password_hash: str
    roles: frozenset[str] = frozenset()
    disabled: bool = False


def organizations(session: Session) -> list[str]:
    """The ids of all organizations; only for what serves all of them."""
    return list(session.scalars(select(OrganizationRow.id)))


def insert_organization(session: Session, organization: str, now: datetime) -> None:
    """Add an organization that is new."""
    session.add(OrganizationRow(id=organization, created_at=now))
    session.flush()


def insert_user(session: Session, user: User, now: datetime) -> None:
    """Add a user who is new."""
    row = UserRow(
        id=user.id,
        organization_id=user.organization,
        name=user.name,
        password_hash=user.password_hash,
        roles=sorted(user.roles),
        disabled=user.disabled,
        created_at=now,
    )
    session.add(row)
    session.flush()


def set_password_hash(session: Session, user: User, password_hash: str) -> None:
    """Give *user* another password and end their sessions."""
    this = (UserRow.organization_id == user.organization, UserRow.id == user.id)
    session.execute(update(UserRow).where(*this).values(password_hash=password_hash))
    theirs = (SessionRow.organization_id == user.organization, SessionRow.user_id == user.id)
    session.execute(delete(SessionRow).where(*theirs))


def user_named(session: Session, name: str) -> User | None:
    """Find the user who signs in as *name*; names are unique over all organizations."""
    row = session.scalar(select(UserRow).where(UserRow.name == name))
    return user_of(row) if row else None


def insert_session(session: Session, token_hash: str, user: User, now: datetime, expires_at: datetime) -> None:
    """Add a session; those that have ended are cleared away with it."""
    session.execute(delete(SessionRow).where(SessionRow.expires_at <= now))
    row = SessionRow(
        token_hash=token_hash,
        organization_id=user.organization,
        user_id=user.id,
        created_at=now,
        expires_at=expires_at,
    )
    session.add(row)
    session.flush()


def session_user(session: Session, token_hash: str, now: datetime) -> User | None:
    """Find whose session this is, if it has not ended and they are not disabled."""
    query = select(SessionRow).where(SessionRow.token_hash == token_hash, SessionRow.expires_at > now)
    row = session.scalar(query)
    return user_of(row.user) if row and not row.user.disabled else None


def remove_session(session: Session, token_hash: str) -> None:
    """End a session."""
    session.execute(delete(SessionRow).where(SessionRow.token_hash == token_hash))


def user_of(row: UserRow) -> User:
    """Make the value of a row."""
    return User(row.id, row.organization_id, row.name, row.password_hash, frozenset(row.roles), row.disabled)
