"""
Queries for tokens and the applications that get them. Only hashes of secrets are stored.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, time
from enum import StrEnum
from functools import partial

from sqlalchemy import ColumnElement, delete, select, update
from sqlalchemy.orm import Session

from holdfast.store.access.accounts import User, read_user
from holdfast.store.stored_values import read_stored, read_texts
from holdfast.store.tables import ApplicationRow, TokenRow


class Kind(StrEnum):
    """The purpose of a token: a user's scripts, an application's calls, renewing its token, or a calendar feed."""

    PERSONAL = "personal"
    ACCESS = "access"
    REFRESH = "refresh"
    CALENDAR = "calendar"


@dataclass(frozen=True, slots=True)
class Token:
    """A token without its secret; *used_on* is the last day of use (midnight, UTC)."""

    id: str
    organization: str
    user_id: str
    grant_id: str
    kind: Kind
    name: str
    scopes: tuple[str, ...]
    created_at: datetime
    expires_at: datetime
    application_id: str | None = None
    used_on: datetime | None = None


@dataclass(frozen=True, slots=True)
class Application:
    """An OAuth client; its owner is the user who registered it."""

    id: str
    organization: str
    owner: User
    name: str
    secret_hash: str
    grants: tuple[str, ...]


def insert_token(session: Session, token: Token, token_hash: str, now: datetime) -> None:
    """Insert a token, and delete expired tokens of all organizations."""
    session.execute(delete(TokenRow).where(TokenRow.expires_at <= now))
    row = TokenRow(
        id=token.id,
        organization_id=token.organization,
        user_id=token.user_id,
        application_id=token.application_id,
        grant_id=token.grant_id,
        kind=token.kind.value,
        name=token.name,
        token_hash=token_hash,
        scopes=list(token.scopes),
        created_at=token.created_at,
        expires_at=token.expires_at,
        used_on=token.used_on,
    )
    session.add(row)
    session.flush()


def get_token(session: Session, token_hash: str, now: datetime) -> tuple[Token, User] | None:
    """Return the token with this hash and its user, unless it has expired or the user is disabled."""
    query = select(TokenRow).where(TokenRow.token_hash == token_hash, TokenRow.expires_at > now)
    row = session.scalar(query)
    # SQLite compares texts: one that isn't a time may be greater than every time.
    if row is None or row.expires_at <= now or row.user.disabled or row.kind not in set(Kind):
        return None
    return read_token(row), read_user(row.user)


def get_owner(session: Session, token_hash: str) -> str:
    """Return the name of the user of the token with this hash, even if it has expired; empty if there is none."""
    row = session.scalar(select(TokenRow).where(TokenRow.token_hash == token_hash))
    return row.user.name if row else ""


def list_personal_tokens(session: Session, user: User, now: datetime) -> list[Token]:
    """Return the personal tokens of *user*, newest first."""
    query = select(TokenRow).where(*_match_user(user), TokenRow.kind == Kind.PERSONAL.value, TokenRow.expires_at > now)
    return [read_token(row) for row in session.scalars(query.order_by(TokenRow.created_at.desc(), TokenRow.id))]


def get_newest_of_kind(session: Session, user: User, kind: Kind, now: datetime) -> Token | None:
    """Return the newest token of *user* of this kind."""
    query = select(TokenRow).where(*_match_user(user), TokenRow.kind == kind.value, TokenRow.expires_at > now)
    row = session.scalar(query.order_by(TokenRow.created_at.desc(), TokenRow.id).limit(1))
    return read_token(row) if row else None


def mark_used(session: Session, token: Token, now: datetime) -> None:
    """Record the day of *token*'s last use."""
    this = (TokenRow.organization_id == token.organization, TokenRow.id == token.id)
    session.execute(update(TokenRow).where(*this).values(used_on=truncate_to_day(now)))


def remove_grant(session: Session, token: Token) -> bool:
    """Delete *token* and the other tokens of its grant; return whether there were any."""
    this = (TokenRow.organization_id == token.organization, TokenRow.grant_id == token.grant_id)
    return bool(session.scalars(delete(TokenRow).where(*this).returning(TokenRow.id)).all())


def remove_tokens(session: Session, user: User, kinds: Collection[Kind]) -> None:
    """Delete all tokens of *user* of these kinds."""
    session.execute(delete(TokenRow).where(*_match_user(user), TokenRow.kind.in_([kind.value for kind in kinds])))


def keep_newest_tokens(session: Session, user: User, kind: Kind, count: int) -> None:
    """Delete all tokens of *user* of this kind except the newest *count*."""
    theirs = (*_match_user(user), TokenRow.kind == kind.value)
    newest = select(TokenRow.id).where(*theirs).order_by(TokenRow.created_at.desc(), TokenRow.id).limit(count)
    session.execute(delete(TokenRow).where(*theirs, TokenRow.id.not_in(newest)))


def insert_application(session: Session, application: Application, now: datetime) -> None:
    """Insert an application."""
    row = ApplicationRow(
        id=application.id,
        organization_id=application.organization,
        user_id=application.owner.id,
        name=application.name,
        secret_hash=application.secret_hash,
        grants=list(application.grants),
        created_at=now,
        used_at=now,
    )
    session.add(row)
    session.flush()


def get_application(session: Session, application_id: str) -> Application | None:
    """Return the application with this id, of any organization, unless its owner is disabled."""
    row = session.scalar(select(ApplicationRow).where(ApplicationRow.id == application_id))
    if row is None or row.user.disabled:
        return None
    grants = read_stored(partial(read_texts, row.grants), "grants of an application", row.organization_id, id=row.id)
    return Application(row.id, row.organization_id, read_user(row.user), row.name, row.secret_hash, grants or ())


def mark_application_used(session: Session, application: Application, now: datetime) -> None:
    """Record that an application got a token."""
    this = (ApplicationRow.organization_id == application.organization, ApplicationRow.id == application.id)
    session.execute(update(ApplicationRow).where(*this).values(used_at=now))


def keep_latest_applications(session: Session, user: User, count: int) -> None:
    """Delete all applications of *user*, with their tokens, except the *count* that were used last."""
    theirs = (ApplicationRow.organization_id == user.organization, ApplicationRow.user_id == user.id)
    order = (ApplicationRow.used_at.desc(), ApplicationRow.created_at.desc(), ApplicationRow.id)
    latest = select(ApplicationRow.id).where(*theirs).order_by(*order).limit(count)
    session.execute(delete(ApplicationRow).where(*theirs, ApplicationRow.id.not_in(latest)))


def remove_applications(session: Session, user: User) -> None:
    """Delete all applications of *user*, with their tokens."""
    theirs = (ApplicationRow.organization_id == user.organization, ApplicationRow.user_id == user.id)
    session.execute(delete(ApplicationRow).where(*theirs))


def truncate_to_day(moment: datetime) -> datetime:
    """Return the start of the day, in UTC."""
    return datetime.combine(moment.astimezone(UTC).date(), time(), UTC)


def _match_user(user: User) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return TokenRow.organization_id == user.organization, TokenRow.user_id == user.id


def read_token(row: TokenRow) -> Token:
    """Return the token in *row*. Raises ValueError for an unknown kind."""
    return Token(
        id=row.id,
        organization=row.organization_id,
        user_id=row.user_id,
        grant_id=row.grant_id,
        kind=Kind(row.kind),
        name=row.name,
        # A token whose scopes can't be read opens nothing.
        scopes=read_stored(partial(read_texts, row.scopes), "scopes of a token", row.organization_id, id=row.id) or (),
        created_at=row.created_at,
        expires_at=row.expires_at,
        application_id=row.application_id,
        used_on=row.used_on,
    )
