"""
Queries for failed attempts to sign in, which all control planes count together.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, case, delete, or_, select
from sqlalchemy.orm import Session

from holdfast.store.tables import FailedAttemptRow
from holdfast.store.upsert import insert_into

FORGOTTEN_AFTER = timedelta(minutes=15)
_SWEPT = 8  # forgotten rows that each write deletes; it inserts fewer, so the table holds what failed within minutes


@dataclass(frozen=True, slots=True)
class FailureCount:
    """The number of failed attempts, and the time of the last one."""

    count: int
    last: datetime

    def __add__(self, other: "FailureCount") -> "FailureCount":
        """Return the failures of both."""
        return FailureCount(self.count + other.count, max(self.last, other.last))


def list_by_key(
    session: Session, keys: Collection[str], now: datetime, *, to_change: bool = False
) -> Mapping[str, FailureCount]:
    """
    Return the failures that were counted for *keys*, except forgotten ones.

    Those with a time far in the future were counted while a clock was wrong, and are forgotten, too.

    With *to_change*, the rows stay locked until the transaction ends, so that other control planes wait.
    """
    row = FailedAttemptRow
    query = select(row.key, row.count, row.last_at).where(row.key.in_(keys), ~_is_forgotten(now))
    if to_change:
        query = query.order_by(row.key).with_for_update()
    return {key: FailureCount(count, last) for key, count, last in session.execute(query)}


def add(session: Session, keys: Iterable[str], now: datetime) -> None:
    """Count a failure for each of *keys*, atomically, and delete some forgotten rows."""
    row = FailedAttemptRow
    # In one order, so that two control planes don't wait for each other.
    new = [{"key": key, "count": 1, "last_at": now} for key in sorted(keys)]
    insert = insert_into(session, row).values(new)
    forgotten = _is_forgotten(now)
    last_at = case((~forgotten & (row.last_at > insert.excluded.last_at), row.last_at), else_=insert.excluded.last_at)
    updates = {"count": case((forgotten, 1), else_=row.count + 1), "last_at": last_at}
    session.execute(insert.on_conflict_do_update(index_elements=["key"], set_=updates))
    _sweep(session, now)


def remove(session: Session, keys: Collection[str]) -> None:
    """Forget the failures of *keys*."""
    row = FailedAttemptRow
    rows = session.scalars(select(row.key).where(row.key.in_(keys)).order_by(row.key).with_for_update()).all()
    session.execute(delete(row).where(row.key.in_(rows)))


def _sweep(session: Session, now: datetime) -> None:
    """Delete some forgotten rows."""
    row = FailedAttemptRow
    for forgotten in _list_forgotten(now):  # separate queries: one for both ranges would read the whole index
        oldest = select(row.key).where(forgotten).order_by(row.last_at).limit(_SWEPT)
        if keys := session.scalars(oldest.with_for_update(skip_locked=True)).all():
            session.execute(delete(row).where(row.key.in_(keys)))


def _is_forgotten(now: datetime) -> ColumnElement[bool]:
    return or_(*_list_forgotten(now))


def _list_forgotten(now: datetime) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """Return the conditions for rows that are too old, and for those from a clock that was wrong."""
    last = FailedAttemptRow.last_at
    return last < now - FORGOTTEN_AFTER, last > now + FORGOTTEN_AFTER
