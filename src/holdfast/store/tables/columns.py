"""
The base class of all tables, and column types that mean the same in SQLite and PostgreSQL.

SQLite returns whatever a damaged database contains. So that one damaged value doesn't make a whole list unreadable, a
time becomes UNREADABLE_TIME, which is past, JSON an object that raises ValueError when it is used, and bytes become
UNREADABLE_BYTES, which are neither DER nor sealed.
"""

import operator
from collections.abc import Callable
from datetime import MINYEAR, UTC, datetime
from functools import lru_cache
from typing import Any, NoReturn

import structlog
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

log = structlog.get_logger()
_FIRST, _LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
UNREADABLE_TIME = datetime(1970, 1, 1, tzinfo=UTC)  # not the first time, from which nothing can be subtracted
UNREADABLE_NUMBER = -1
UNREADABLE_BYTES = b"can't be read"
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

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], datetime | None]:
        """Return a function that reads a stored time; UNREADABLE_TIME if it can't be read."""
        read = super().result_processor(dialect, coltype)

        def read_time(value: Any) -> datetime | None:
            try:
                return read(value) if read else value
            except (ValueError, TypeError):
                _log_once("a stored time cannot be read")
                return UNREADABLE_TIME

        return read_time


class UnreadableJson:
    """JSON that can't be read; any use of it raises ValueError."""

    def __getattr__(self, name: str) -> NoReturn:
        raise ValueError("it isn't JSON")

    def __bool__(self) -> NoReturn:
        raise ValueError("it isn't JSON")

    __getitem__ = __contains__ = __getattr__

    def __iter__(self) -> NoReturn:
        raise ValueError("it isn't JSON")

    __len__ = __iter__


class StoredJson(TypeDecorator[Any]):
    """A value that is stored as JSON; None is NULL."""

    impl = JSON(none_as_null=True)
    cache_ok = True

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], Any]:
        """Return a function that reads a stored value; UnreadableJson if it can't be read."""
        read = super().result_processor(dialect, coltype)

        def read_json(value: Any) -> Any:
            try:
                return read(value) if read else value
            except (ValueError, TypeError):
                return UnreadableJson()

        return read_json


class CountingNumber(TypeDecorator[int]):
    """A number that is never negative, with 64 bits."""

    impl = Number
    cache_ok = True

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], int | None] | None:
        """Return a function that reads a stored number; UNREADABLE_NUMBER if it is something else."""
        return _read_number if dialect.name == "sqlite" else super().result_processor(dialect, coltype)


class StoredBytes(TypeDecorator[bytes]):
    """Bytes."""

    impl = LargeBinary
    cache_ok = True

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], bytes | None] | None:
        """Return a function that reads stored bytes; UNREADABLE_BYTES if they are something else."""
        return _read_bytes if dialect.name == "sqlite" else super().result_processor(dialect, coltype)


def _read_number(value: Any) -> int | None:
    if value is None or isinstance(value, int):
        return value
    _log_once("a stored number cannot be read")
    return UNREADABLE_NUMBER


def _read_bytes(value: Any) -> bytes | None:
    if value is None or isinstance(value, bytes):
        return value
    _log_once("stored bytes cannot be read")
    return UNREADABLE_BYTES


@lru_cache(10)
def _log_once(event: str) -> None:
    log.error(event)


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
        bytes: StoredBytes,
        str: Text,
        list[str]: StoredJson,
        dict[str, Any]: StoredJson,
    }
