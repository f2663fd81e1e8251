"""
What all tables share: one registry, and a type for times.
"""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, DateTime, Dialect, LargeBinary, String, TypeDecorator
from sqlalchemy.orm import DeclarativeBase


class UtcDateTime(TypeDecorator[datetime]):
    """An aware time, kept as UTC (SQLite forgets zones)."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Turn an aware time into UTC without a zone."""
        del dialect
        return value.astimezone(UTC).replace(tzinfo=None) if value else None

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Give the zone back."""
        del dialect
        return value.replace(tzinfo=UTC) if value else None


class Table(DeclarativeBase):
    """What all tables share: the registry of their columns' types."""

    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy reads it
        datetime: UtcDateTime,
        bytes: LargeBinary,
        str: String,
        list[str]: JSON,
        dict[str, Any]: JSON,
    }
