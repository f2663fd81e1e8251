"""
The clock that control planes on several machines share.
"""

from datetime import UTC, datetime

from sqlalchemy import DateTime, func, select, text
from sqlalchemy.orm import Session


def read_database_time(session: Session) -> datetime:
    """Return the current time (aware, UTC) of the database server; SQLite has the clock of this machine."""
    if session.get_bind().dialect.name == "sqlite":
        now = session.scalars(text("SELECT strftime('%Y-%m-%dT%H:%M:%f', 'now')")).one()
        return datetime.fromisoformat(now).replace(tzinfo=UTC)
    # The time of the statement, not of the transaction, which may have waited for a lock.
    at = session.scalars(select(func.clock_timestamp(type_=DateTime(timezone=True)))).one()
    return at.astimezone(UTC)
