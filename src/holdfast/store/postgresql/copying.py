"""
Copying a database from SQLite to PostgreSQL, completely or not at all.

A first transaction leaves a table by which a start recognizes a copy that wasn't completed. Everything else is one
transaction: creating the tables, copying and comparing the rows, and removing that table.
"""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

import psycopg
import structlog
from sqlalchemy import Connection, CursorResult, DateTime, func, select
from sqlalchemy import Table as SqlTable

from holdfast.store.control_planes.control_planes import LIVE_FOR
from holdfast.store.errors import CopyDiffers, StoreFailure, StoreFilled, StoreUsed
from holdfast.store.inspection import open_to_inspect
from holdfast.store.location import PostgresqlLocation
from holdfast.store.migrating import migrate
from holdfast.store.postgresql.engine import BEGIN, PostgresqlEngine, commit
from holdfast.store.postgresql.failures import explain
from holdfast.store.postgresql.opening import COPY_MARKER, begin_alone, check_server
from holdfast.store.sqlite.files import open_to_read
from holdfast.store.tables import ControlPlaneRow, Table

log = structlog.get_logger()
_AT_ONCE = 1_000  # rows in memory
_PATIENCE = 10.0  # seconds that it waits for a copy that was killed, until the server notices


@dataclass(frozen=True, slots=True)
class CopySummary:
    """The numbers of tables that have rows, and of rows."""

    tables: int
    rows: int


def copy_to_server(source: Path, location: PostgresqlLocation, *, replace: bool = False) -> CopySummary:
    """
    Copy the SQLite database *source*, which has current tables and isn't in use, to an empty database.

    With *replace*, the rows of a database that has current tables, and that no control plane uses, are replaced.
    Sealed secrets stay sealed. Raises StoreFailure, including CopyDiffers and StoreUsed; then nothing was copied, or,
    with StoreUncertain, perhaps everything.
    """
    database = PostgresqlEngine(location)
    try:
        with database.engine.execution_options(**begin_alone(_PATIENCE)).connect() as connection:
            check_server(_get_driver(connection).info, location)
            if not _has_content(connection):
                connection.exec_driver_sql(f"CREATE TABLE IF NOT EXISTS {COPY_MARKER} ()")
                connection.commit()
            elif not replace:
                raise StoreFilled(str(location))
        with database.engine.execution_options(**begin_alone(_PATIENCE)).connect() as connection:
            if _has_content(connection):
                if not replace:
                    raise StoreFilled(str(location))
                _refuse_use(connection)
            migrate(connection)
            counts = _copy(source, connection, location)
            connection.exec_driver_sql(f"DROP TABLE IF EXISTS {COPY_MARKER}")
            commit(connection)
        return counts
    finally:
        database.close()


def update_statistics(location: PostgresqlLocation) -> None:
    """Update the statistics of the server about copied tables, unless it can't now; it does so later on its own."""
    database = PostgresqlEngine(location)
    try:
        with database.engine.execution_options(**{BEGIN: "BEGIN"}).connect() as connection:
            connection.exec_driver_sql("ANALYZE (SKIP_LOCKED)")
            connection.commit()
    except StoreFailure as failure:
        log.warning("statistics of the database not updated", reason=str(failure))
    finally:
        database.close()


def has_content(location: PostgresqlLocation) -> bool:
    """Return whether a database has tables, other than that of an interrupted copy. Raises StoreFailure."""
    database = PostgresqlEngine(location)
    try:
        with database.read() as session:
            return _has_content(session.connection())
    finally:
        database.close()


def _has_content(connection: Connection) -> bool:
    query = "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()"
    return bool(set(connection.exec_driver_sql(query).scalars()) - {COPY_MARKER})


def _refuse_use(connection: Connection) -> None:
    """Raise StoreUsed if a control plane runs; one that starts waits for this transaction."""
    row, now = ControlPlaneRow, func.clock_timestamp(type_=DateTime(timezone=True))
    names = connection.scalars(select(row.name).where(row.seen_at > now - LIVE_FOR).order_by(row.name)).all()
    if names:
        raise StoreUsed(names)


def _copy(source: Path, connection: Connection, location: PostgresqlLocation) -> CopySummary:
    tables = Table.metadata.sorted_tables  # those that others refer to come first
    for table in reversed(tables):
        connection.execute(table.delete())  # migrations insert some rows
    with open_to_read(source) as original, closing(_get_driver(connection).cursor()) as cursor:
        for table in tables:
            try:
                copy_rows(original, cursor, table)
            except psycopg.Error as error:
                raise explain(error, location) or CopyDiffers(table.name, " ".join(str(error).split())) from error
        _continue_sequences(original, connection, tables)
    with open_to_inspect(source) as session:
        numbers = [compare_rows(session.connection(), connection, table) for table in tables]
    return CopySummary(sum(1 for number in numbers if number), sum(numbers))


def copy_rows(original: sqlite3.Connection, cursor: psycopg.Cursor[Any], table: SqlTable) -> None:
    """Copy the rows of *table* as SQLite stores them: PostgreSQL reads its times, flags and JSON."""
    columns = ", ".join(f'"{column.name}"' for column in table.columns)
    rows = original.execute(f'SELECT {columns} FROM "{table.name}"')  # noqa: S608 - names from the code
    with cursor.copy(f'COPY "{table.name}" ({columns}) FROM STDIN') as copy:
        for row in rows:
            copy.write_row(row)


def _continue_sequences(original: sqlite3.Connection, connection: Connection, tables: Sequence[SqlTable]) -> None:
    """Let the numbers of new rows continue after the largest one ever used, even if its row was deleted."""
    last_numbers = dict(original.execute("SELECT name, seq FROM sqlite_sequence"))
    for table in tables:
        column = table.autoincrement_column
        if column is None:
            continue
        largest = max(connection.scalar(select(func.max(column))) or 0, last_numbers.get(table.name, 0))
        sequence = func.pg_get_serial_sequence(table.name, column.name)
        connection.execute(select(func.setval(sequence, max(largest, 1), largest > 0)))


def compare_rows(original: Connection, copy: Connection, table: SqlTable) -> int:
    """Compare each row of *table* in two databases, as Holdfast reads it; return their number. Raises CopyDiffers."""
    number = 0
    with select_rows(original, table) as originals, select_rows(copy, table) as copies:
        for row, row_copy in zip_longest(originals, copies):
            if row != row_copy:
                raise CopyDiffers(table.name, f"the copy of row {number + 1}, by key, has other values")
            number += 1
    return number


def select_rows(connection: Connection, table: SqlTable) -> CursorResult[Any]:
    """Return all rows of *table* in the order of their keys, some at a time."""
    return connection.execute(select(table).order_by(*table.primary_key).execution_options(yield_per=_AT_ONCE))


def _get_driver(connection: Connection) -> psycopg.Connection[Any]:
    driver: psycopg.Connection[Any] = connection.connection.driver_connection  # type: ignore[assignment]
    return driver
