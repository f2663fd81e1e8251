"""
Queries for audit events: the newest that match a filter, and all in the order of the chain.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, func, or_, select
from sqlalchemy.orm import Session, aliased

from holdfast.store.audit_chain import describe_event, list_unreadable
from holdfast.store.folding import case_insensitive_like
from holdfast.store.journal import AuditEvent
from holdfast.store.tables import AuditEventRow
from holdfast.store.tables.columns import UNREADABLE_TIME, UtcDateTime

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_ID = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Filter:
    """Which events are wanted; the default values want all. *start* is included, *end* isn't."""

    start: datetime | None = None
    end: datetime | None = None
    user: str = ""
    actions: tuple[str, ...] = ()
    subjects: tuple[str, ...] = ()
    text: str = ""  # anywhere in an event, ignoring case


@dataclass(frozen=True, slots=True)
class LoggedEvent:
    """A stored event; *members* are what its hash covers, and the hash. *unreadable* names values of a damaged one."""

    id: int
    event: AuditEvent
    members: Mapping[str, Any]
    unreadable: tuple[str, ...] = ()

    @property
    def place(self) -> "Place":
        """The place of the event in the list."""
        return Place(self.event.at, self.id)


@dataclass(frozen=True, slots=True)
class Place:
    """A place in the list of events: that of the event with this time and id."""

    at: datetime
    id: int

    def __str__(self) -> str:
        """Return the place as text for `read`."""
        return f"{(self.at - _EPOCH) // timedelta(microseconds=1)}.{self.id}"

    @classmethod
    def read(cls, text: str) -> "Place":
        """Return the place that `str` wrote. Raises ValueError."""
        at, row = map(int, text.split("."))
        if not 0 <= row <= _LAST_ID:
            raise ValueError(text)
        try:
            return cls(_EPOCH + timedelta(microseconds=at), row)
        except OverflowError as error:
            raise ValueError(text) from error


def find_newest(
    session: Session, organization: str, criteria: Filter, before: Place | None, limit: int
) -> list[LoggedEvent]:
    """Return at most *limit* events *before* a place, the newest first."""
    row = AuditEventRow
    query = _select_matching(organization, criteria).order_by(row.at.desc(), row.id.desc()).limit(limit)
    if before:
        at = _get_stored_time(organization, before) if before.at == UNREADABLE_TIME else before.at
        query = query.where(row.at <= at, or_(row.at < at, row.id < before.id))
    return _read_events(session, query)


def find_following(
    session: Session, organization: str, criteria: Filter, after: int | None, limit: int
) -> list[LoggedEvent]:
    """Return at most *limit* events in the order of the chain, from the first or after the one with an id."""
    query = _select_matching(organization, criteria).order_by(AuditEventRow.id).limit(limit)
    return _read_events(session, query if after is None else query.where(AuditEventRow.id > after))


def list_users(session: Session, organization: str, limit: int) -> Sequence[str]:
    """Return at most *limit* users who caused events, in order. Failed sign-ins have no user."""
    row = AuditEventRow
    # One step of the index for each user, where `SELECT DISTINCT` would read all events.
    first = select(func.min(row.user).label("user")).where(row.organization_id == organization, row.user > "")
    steps = first.cte("step", recursive=True)
    following_user = (
        select(func.min(row.user)).where(row.organization_id == organization, row.user > steps.c.user).scalar_subquery()
    )
    steps = steps.union_all(select(following_user).where(steps.c.user.is_not(None)))
    return [user for user in session.scalars(select(steps.c.user).limit(limit)) if user is not None]


def _select_matching(organization: str, criteria: Filter) -> Select[AuditEventRow]:
    row = AuditEventRow
    conditions: list[ColumnElement[bool]] = [row.organization_id == organization]
    if criteria.start:
        conditions.append(row.at >= criteria.start)
    if criteria.end:
        conditions.append(row.at < criteria.end)
    if criteria.user:
        conditions.append(row.user == criteria.user)
    if criteria.actions:
        conditions.append(row.action.in_(_drop_unstorable(criteria.actions)))
    if criteria.subjects:
        conditions.append(row.subject.in_(_drop_unstorable(criteria.subjects)))
    if criteria.text:
        conditions.append(_contains(criteria.text))
    return select(row).where(*conditions)


def _get_stored_time(organization: str, place: Place) -> ColumnElement[datetime]:
    """Return what is stored as the time of the event at *place*, by which it is sorted even if it can't be read."""
    row = aliased(AuditEventRow)
    stored_time = select(row.at).where(row.organization_id == organization, row.id == place.id).scalar_subquery()
    return func.coalesce(stored_time, place.at, type_=UtcDateTime)


def _drop_unstorable(values: Iterable[str]) -> list[str]:
    return [value for value in values if "\0" not in value]  # no text has this character


def _contains(text: str) -> ColumnElement[bool]:
    """Search the texts of an event; LIKE ignores case in SQLite (of A to Z), and in PostgreSQL as ILIKE."""
    row = AuditEventRow
    pattern = text.replace("\0", "").replace("/", "//").replace("%", "/%").replace("_", "/_")
    # Not by `folded`, for which SQLite would call Python for each text of a million events.
    return or_(
        *(
            case_insensitive_like(column, f"%{pattern}%")
            for column in (row.subject, row.detail, row.user, row.action, row.address, row.request_id)
        )
    )


def _read_events(session: Session, query: Select[AuditEventRow]) -> list[LoggedEvent]:
    return [
        LoggedEvent(row.id, AuditEvent.read(row), describe_event(row), list_unreadable(row))
        for row in session.scalars(query)
    ]
