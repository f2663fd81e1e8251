"""
Queries for how far the watch has come.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from holdfast.store.tables import WatchProgressRow
from holdfast.store.upsert import upsert

_ONLY = "all"


@dataclass(frozen=True, slots=True)
class Progress:
    """Checks that were due before *checked_until* are done; *change* is the last one that was taken into account."""

    checked_until: datetime
    change: int


def get(session: Session) -> Progress | None:
    """Return how far the watch has come; None: it never ran."""
    row = session.scalar(select(WatchProgressRow).where(WatchProgressRow.name == _ONLY))
    return Progress(row.checked_until, row.change) if row else None


def save(session: Session, progress: Progress) -> None:
    """Save how far the watch has come."""
    values = {"name": _ONLY, "checked_until": progress.checked_until, "change": progress.change}
    session.execute(upsert(session, WatchProgressRow, values, ["name"]))
