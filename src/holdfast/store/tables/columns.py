"""
The base class of all tables, and a column type for times.
"""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, DateTime, Dialect, LargeBinary, String, TypeDecorator
from sqlalchemy.orm import DeclarativeBase


class UtcDateTime(TypeDecorator[datetime]):
    """An aware time, stored as UTC because SQLite doesn't store time zones."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return an aware time as UTC without a zone."""
        del dialect
        return value.astimezone(UTC).replace(tzinfo=None) if value else None

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return a stored time with its zone, UTC."""
        del dialect
        return value.replace(tzinfo=UTC) if value else None


class Table(DeclarativeBase):
    """The base class of all tables, with the column types for Python types."""

    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy reads it
        datetime: UtcDateTime,
        bytes: LargeBinary,
        str: String,
        list[str]: JSON,
        dict[str, Any]: JSON,
    }
