"""
A copy of a PostgreSQL database as an SQLite file, of one moment, while control planes run.
"""

from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection, create_engine, func, insert, select, text
from sqlalchemy.orm import Session

from holdfast.store.database import Store
from holdfast.store.errors import StoreUnusable
from holdfast.store.location import PostgresqlLocation
from holdfast.store.postgresql.copying import compare_rows, select_rows
from holdfast.store.postgresql.inspection import examine_revision, open_to_inspect
from holdfast.store.revisions import get_newest_revision
from holdfast.store.tables import Table


def copy_to_file(location: PostgresqlLocation, target: Path, now: datetime) -> None:
    """
    Copy all rows to the new SQLite file *target*, and compare each one as Holdfast reads it.

    Raises StoreFailure, including CopyDiffers, or StoreUnusable if the tables aren't those of this version.
    """
    Store(target, now).close()
    engine = create_engine(f"sqlite:///{target}", hide_parameters=True)
    try:
        with open_to_inspect(location) as session, engine.begin() as copy:
            state = examine_revision(session, location)
            if state.revision != get_newest_revision():
                why = f"its tables have revision {state.revision}, and this version needs {get_newest_revision()}"
                raise StoreUnusable(str(location), why, "Use the version of Holdfast that runs on it.")
            _copy(session, copy)
    finally:
        engine.dispose()


def _copy(session: Session, copy: Connection) -> None:
    server, tables = session.connection(), Table.metadata.sorted_tables
    for table in reversed(tables):
        copy.execute(table.delete())  # migrations insert some rows
    for table in tables:
        with select_rows(server, table) as rows:
            for partition in rows.mappings().partitions():
                copy.execute(insert(table), [dict(row) for row in partition])
    _continue_numbers(server, copy)
    for table in tables:
        compare_rows(server, copy, table)


def _continue_numbers(server: Connection, copy: Connection) -> None:
    """Let the numbers of new rows continue after the largest one ever used, even if its row was deleted."""
    for table in Table.metadata.sorted_tables:
        column = table.autoincrement_column
        if column is None or not table.dialect_options["sqlite"]["autoincrement"]:
            continue
        sequence = server.scalar(select(func.pg_get_serial_sequence(table.name, column.name)))
        last_number = server.exec_driver_sql(f"SELECT last_value FROM {sequence} WHERE is_called").scalar()  # noqa: S608 - its name
        copy.execute(text("DELETE FROM sqlite_sequence WHERE name = :name"), {"name": table.name})
        values = {"name": table.name, "seq": last_number or 0}
        copy.execute(text("INSERT INTO sqlite_sequence (name, seq) VALUES (:name, :seq)"), values)
