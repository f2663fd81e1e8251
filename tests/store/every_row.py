"""
A database with rows in every table, with the values that are hardest to move to another engine.
"""

import itertools
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Boolean, Column, Float, Integer, UniqueConstraint
from sqlalchemy import Table as SqlTable

from databases import write_new_database
from holdfast.server.clock import utc_now
from holdfast.store.database import Store
from holdfast.store.tables import Table
from holdfast.store.tables.columns import CountingNumber, StoredBytes, StoredJson, Text, UtcDateTime

ROWS = 3  # of each table, at least
TEXTS = (
    "plain",
    "tab\tnewline\nreturn\r",
    "quote \" ' \\ \\N \\. {}",
    "äöü ß 日本語 🍕",
    "",
    "\x01\x7f",
    "NULL",
    "ZZ",
    "Za",
    "zz",
)
BYTES = (bytes(range(256)), b"", b"\\x00\n")
JSONS: tuple[Any, ...] = ({"b": [1, 2.5, None, True], "a": {"ü": "\n"}}, [], {}, ["x", "\u0000"], {"big": 10**17})
TIMES = (
    datetime(2026, 11, 29, 1, 2, 3, 4, UTC),
    datetime(1970, 1, 1, tzinfo=UTC),
    datetime(9999, 12, 31, 23, 59, 59, 999_999, UTC),
)


def fill(path: Path, rows: int = ROWS) -> None:
    """Create a database with *rows* rows or more in every table."""
    write_new_database(path)
    store = Store(path, utc_now())
    numbers = itertools.count()
    with store.write() as session:
        for table in reversed(Table.metadata.sorted_tables):
            session.execute(table.delete())
        for table in Table.metadata.sorted_tables:
            for row in range(rows):
                session.execute(table.insert().values(_values(table, row, numbers)))
        change = Table.metadata.tables["change"]
        session.execute(change.insert().values(_values(change, 0, numbers) | {"sequence": 4711}))
        session.execute(change.delete().where(change.c.sequence == 4711))
    store.close()


def _values(table: SqlTable, row: int, numbers: "itertools.count[int]") -> dict[str, Any]:
    """Return values of a row; foreign keys refer to the row with the same number."""
    values = {}
    for column in table.columns:
        if column is table.autoincrement_column:
            values[column.name] = row + 10
        elif column.foreign_keys or column.primary_key or any(column.name in names for names in _unique(table)):
            values[column.name] = _key(column, row)
        else:
            values[column.name] = _value(column, row, next(numbers))
    return values


def _key(column: Column[Any], row: int) -> Any:
    if column.foreign_keys:
        return _key(min(column.foreign_keys, key=lambda key: key.target_fullname).column, row)
    if isinstance(column.type, Integer | CountingNumber):
        return row + 10
    if isinstance(column.type, UtcDateTime):
        return TIMES[0] + timedelta(microseconds=row)
    # Databases sort these differently.
    return f"{('Zeta', 'alpha', 'Älpha', '_', '🍕')[row % 5]}{row} {column.table.name}"


def _unique(table: SqlTable) -> list[set[str]]:
    unique = [
        set(constraint.columns.keys()) for constraint in table.constraints if isinstance(constraint, UniqueConstraint)
    ]
    return unique + [set(index.columns.keys()) for index in table.indexes if index.unique]


def _value(column: Column[Any], row: int, number: int) -> Any:
    if column.nullable and row == ROWS - 1:
        return None
    kind = column.type
    if isinstance(kind, UtcDateTime):
        return TIMES[number % len(TIMES)] - timedelta(microseconds=row)
    if isinstance(kind, StoredJson):
        return JSONS[number % len(JSONS)]
    if isinstance(kind, Boolean):
        return bool(number % 2)
    if isinstance(kind, Float):
        return number / 7
    if isinstance(kind, Integer | CountingNumber):
        return number - 5
    if isinstance(kind, StoredBytes):
        return BYTES[number % len(BYTES)]
    assert isinstance(kind, Text)
    return TEXTS[number % len(TEXTS)]
