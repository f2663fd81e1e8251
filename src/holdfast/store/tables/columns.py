"""
The base class of all tables, and column types that mean the same in SQLite and PostgreSQL.
"""

import operator
from datetime import MINYEAR, UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    ColumnElement,
    DateTime,
    Dialect,
    Integer,
    LargeBinary,
    String,
    TypeDecorator,
    false,
)
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.sql.operators import OperatorType

from holdfast.store.unstorable_text import UnstorableText

_FIRST, _LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
Number = BigInteger().with_variant(Integer(), "sqlite")  # 64 bits; SQLite's integers have them anyway


class _TextComparator(String.Comparator[str]):
    def operate(self, op: OperatorType, *other: Any, **options: Any) -> ColumnElement[Any]:
        """Build an expression; no text equals one with U+0000."""
        if op is operator.eq and isinstance(other[0], str) and "\0" in other[0]:
            return false()
        return super().operate(op, *other, **options)


class Text(TypeDecorator[str]):
    """A text without U+0000, which PostgreSQL can't store, and without halves of surrogate pairs, which UTF-8 can't."""

    impl = String
    cache_ok = True
    comparator_factory = _TextComparator

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Return the text, or raise UnstorableText."""
        del dialect
        if value and not _is_storable(value):
            raise UnstorableText
        return value


class UtcDateTime(TypeDecorator[datetime]):
    """An aware time, stored as UTC because SQLite doesn't store time zones."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return an aware time as UTC without a zone."""
        del dialect
        return _to_utc(value) if value else None

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return a stored time with its zone, UTC."""
        del dialect
        return value.replace(tzinfo=UTC) if value else None


def _is_storable(text: str) -> bool:
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            return False
    return "\0" not in text


def _to_utc(moment: datetime) -> datetime:
    """Return an aware time as UTC without a zone; outside the years 1 to 9999 of UTC, the first or last time there."""
    try:
        utc = moment.astimezone(UTC)
    except OverflowError:
        utc = _FIRST if moment.year == MINYEAR else _LAST
    return utc.replace(tzinfo=None)


class Table(DeclarativeBase):
    """The base class of all tables, with the column types for Python types."""

    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy reads it
        datetime: UtcDateTime,
        bytes: LargeBinary,
        str: Text,
        list[str]: JSON,
        dict[str, Any]: JSON,
    }
