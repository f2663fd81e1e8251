"""
Makes databases cheap: commits to files don't wait for the disk, new files are copies, and statements compile once.

Tests kill processes but don't cut the power, and what was written outlives a process.
"""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sqlalchemy import Connection, Engine
from sqlalchemy.orm import Mapper, configure_mappers
from sqlalchemy.pool import ConnectionPoolEntry

from holdfast.server.clock import utc_now
from holdfast.store import migrating
from holdfast.store.database import Store
from holdfast.store.sqlite import engine

configure = engine._configure  # noqa: SLF001 - as in production


def make_commits_cheap() -> None:
    """Let the connections of this process leave it to the system when to write to the disk."""

    def configure_cheaply(connection: object, entry: ConnectionPoolEntry) -> None:
        configure(connection, entry)
        connection.execute("PRAGMA synchronous = OFF")  # type: ignore[attr-defined]  # see `configure`

    engine._configure = configure_cheaply  # noqa: SLF001


class SharedStatements(dict[Any, Any]):
    """
    The compiled statements of all databases of one kind, in place of a cache for each database.

    SQLAlchemy's keys begin with the dialect, of which each database has its own.
    """

    def get(self, key: Any, default: Any = None) -> Any:
        """Return the compiled statement, or the default."""
        return super().get(_without_database(key), default)

    def __setitem__(self, key: Any, compiled: Any) -> None:
        super().__setitem__(_without_database(key), compiled)


def _without_database(key: Any) -> Any:
    dialect, *rest = key
    return type(dialect), dialect.server_version_info, *rest


def make_statements_cheap() -> None:
    """Let this process compile a statement once, and not once for each database that it opens."""
    statements = SharedStatements()
    for kind in (Engine, Mapper):
        kind._compiled_cache = property(lambda _: statements, lambda *_: None)  # noqa: SLF001


def make_new_databases_cheap() -> None:
    """Let this process copy the tables of a new database, instead of running all migrations for each."""
    configure_mappers()  # takes as long as a start without migrations
    copy, migrate = _tables(), migrating.migrate

    def copy_or_migrate(connection: Connection) -> None:
        database = connection.connection.dbapi_connection
        if isinstance(database, sqlite3.Connection) and _is_new(database):
            copy(database)
        else:
            migrate(connection)

    migrating.migrate = copy_or_migrate


def _is_new(database: sqlite3.Connection) -> bool:
    return database.execute("SELECT 1 FROM sqlite_schema").fetchone() is None


def _tables() -> Callable[[sqlite3.Connection], None]:
    """Run all migrations, and return a function that copies the result into a new database."""
    with TemporaryDirectory() as directory:
        path = Path(directory) / "empty.sqlite"
        Store(path, utc_now()).close()
        with closing(sqlite3.connect(path)) as file:
            file.execute("PRAGMA journal_mode = DELETE")  # a database in memory has no write-ahead log
            content = file.serialize()

    def copy(database: sqlite3.Connection) -> None:
        with closing(sqlite3.connect(":memory:")) as template:
            template.deserialize(content)
            template.backup(database)

    return copy
