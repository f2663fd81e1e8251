"""
Empty databases for tests, of the kind that the option `--database` names.

    with databases.empty(tmp_path) as storage:
        store = Store(storage.location)

PostgreSQL's are used again: to empty one takes 1 ms, and to create one 50 ms.
"""

import sqlite3
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Any, Protocol

import psycopg

import postgresql
from holdfast.server.clock import utc_now
from holdfast.store.database import Store
from holdfast.store.location import Location, PostgresqlLocation
from holdfast.store.postgresql.engine import WRITERS
from holdfast.store.postgresql.location import parse_location
from postgresql_files import ADMIN, alone

_TEMPLATE = "migrated"  # a database on the shared server
_NEW = "new"  # a schema in it with the rows of a new installation
_CONNECTIONS = 10  # of each store; many tests run on one server
_TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
_SEQUENCES = "SELECT sequencename FROM pg_sequences WHERE schemaname = 'public'"
_NUMBERS = (
    "SELECT quote_ident(sequencename), coalesce(last_value, start_value), last_value IS NOT NULL FROM pg_sequences "
    "WHERE schemaname = 'public'"
)
_DISCONNECT_OTHERS = (
    "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity "
    "WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
)


class Storage(Protocol):
    """A database with the current tables, and no rows but those of a new installation."""

    @property
    def location(self) -> Location:
        """The location to open a Store at."""

    def execute(self, statement: str) -> None:
        """Execute a statement behind Holdfast's back."""

    def content(self) -> bytes:
        """Return everything that the database stores, as bytes in which a secret would be found."""

    def save(self, directory: Path) -> Callable[[], None]:
        """Copy all rows, with files in *directory*; the returned function restores them, and their next numbers."""

    def writing(self) -> AbstractContextManager[None]:
        """Write until the block ends, as another process would."""


class Databases(Protocol):
    """A source of databases."""

    def empty(self, directory: Path) -> AbstractContextManager[Storage]:
        """Yield an empty database, whose files, if any, are in *directory*. Only its rows may change."""

    def separate(self, directory: Path) -> AbstractContextManager[Storage]:
        """Yield an empty database that isn't used again; this takes longer."""

    def environment(self) -> dict[str, str]:
        """Return the environment variables with which a new Holdfast gets a database."""


@dataclass(frozen=True, slots=True)
class SqliteStorage:
    """A file."""

    location: Path

    def execute(self, statement: str) -> None:
        """Execute a statement behind Holdfast's back."""
        with closing(sqlite3.connect(self.location)) as connection, connection:
            connection.execute(statement)

    def content(self) -> bytes:
        """Return the bytes of the database and its log."""
        return b"".join(file.read_bytes() for file in self.location.parent.glob(f"{self.location.name}*"))

    def save(self, directory: Path) -> Callable[[], None]:
        """Copy the database to *directory*; the returned function restores it."""
        copy = directory / self.location.name
        _transfer(self.location, copy)
        return partial(_transfer, copy, self.location)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Lock the database as a backup tool or another program would."""
        with closing(sqlite3.connect(self.location, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            yield
            other.execute("ROLLBACK")


class SqliteDatabases:
    """Copies of one file."""

    @contextmanager
    def empty(self, directory: Path) -> Iterator[SqliteStorage]:
        """Yield an empty database in *directory*."""
        file = directory / "holdfast.sqlite"
        write_new_database(file)
        yield SqliteStorage(file)

    separate = empty

    def environment(self) -> dict[str, str]:
        """Return nothing: by default, the database is a file in the data directory."""
        return {}


@dataclass(frozen=True, slots=True)
class PostgresqlStorage:
    """A database on the shared server, with a connection of its superuser."""

    database: postgresql.Database
    connection: psycopg.Connection[Any]

    @property
    def location(self) -> PostgresqlLocation:
        """The location to open a Store at."""
        return location_of(self.database)

    def execute(self, statement: str) -> None:
        """Execute a statement behind Holdfast's back."""
        self.connection.execute(statement.encode())

    def content(self) -> bytes:
        """Return the rows of all tables, as PostgreSQL stores their values."""
        contents = []
        for table in self._tables:
            with self.connection.cursor().copy(f'COPY "{table}" TO STDOUT (FORMAT BINARY)'.encode()) as rows:
                contents += map(bytes, rows)
        return b"".join(contents)

    def save(self, directory: Path) -> Callable[[], None]:
        """Copy all tables to another schema; the returned function restores their rows and numbers."""
        del directory
        self.execute("DROP SCHEMA IF EXISTS saved CASCADE; CREATE SCHEMA saved")
        self.copy_tables("saved")
        numbers = self.connection.execute(_NUMBERS).fetchall()

        def restore() -> None:
            self.restore("saved")
            for sequence, number, is_called in numbers:
                self.connection.execute("SELECT setval(%s, %s, %s)", [sequence, number, is_called])

        return restore

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Take the lock of writers."""
        with self.database.connect() as other, other.transaction():
            other.execute("SELECT pg_advisory_xact_lock(%s)", [WRITERS])
            yield

    @property
    def _tables(self) -> list[str]:
        return [table for (table,) in self.connection.execute(_TABLES)]

    def copy_tables(self, schema: str) -> None:
        """Copy all tables with their rows to *schema*."""
        for table in self._tables:
            self.execute(f'CREATE TABLE {schema}."{table}" AS TABLE public."{table}"')

    def restore(self, schema: str) -> None:
        """Replace all rows with those in *schema*."""
        # In this role, no foreign key is checked, so that the order doesn't matter.
        statements = ["BEGIN", "SET LOCAL session_replication_role = replica"]
        for table in self._tables:
            statements.append(f'DELETE FROM public."{table}"')  # noqa: S608 - tables of our own
            statements.append(f'INSERT INTO public."{table}" SELECT * FROM {schema}."{table}"')  # noqa: S608
        self.execute("; ".join([*statements, "COMMIT"]))

    def empty(self) -> None:
        """Return to the rows and numbers of a new installation, after ending all other connections."""
        self.execute(_DISCONNECT_OTHERS)
        self.restore(_NEW)
        for (sequence,) in self.connection.execute(_SEQUENCES).fetchall():
            self.execute(f'ALTER SEQUENCE public."{sequence}" RESTART')


class PostgresqlDatabases:
    """Databases of this process on the shared server."""

    def __init__(self) -> None:
        self._idle: list[PostgresqlStorage] = []

    @contextmanager
    def empty(self, directory: Path) -> Iterator[PostgresqlStorage]:
        """Yield an empty database; nothing is in *directory*."""
        del directory
        if self._idle:
            storage = self._idle.pop()
            storage.empty()
        else:
            storage = _create()
        try:
            yield storage
        finally:
            self._idle.append(storage)

    @contextmanager
    def separate(self, directory: Path) -> Iterator[PostgresqlStorage]:
        """Yield an empty database that isn't used again."""
        del directory
        storage = _create()
        with storage.connection:
            yield storage
        postgresql.shared_server().execute(f"DROP DATABASE {storage.database.name} WITH (FORCE)")

    def environment(self) -> dict[str, str]:
        """Return the URL of a database without tables."""
        return {"HOLDFAST_DATABASE": postgresql.shared_server().create_database().url}

    def close(self) -> None:
        """Close the superuser's connections; the databases end with the server."""
        for storage in self._idle:
            storage.connection.close()


def write_new_database(file: Path) -> None:
    """Write the database of a new installation, as SQLite, to *file*; to run all migrations takes 300 times as long."""
    file.touch(mode=0o600)
    file.write_bytes(_new_file())


@cache
def _new_file() -> bytes:
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory, "new.sqlite")
        Store(file, utc_now()).close()
        return file.read_bytes()


def location_of(database: postgresql.Database) -> PostgresqlLocation:
    """Return the location of *database*."""
    return replace(parse_location(database.url), connections=_CONNECTIONS)


def _create() -> PostgresqlStorage:
    server = postgresql.shared_server()
    with alone(_TEMPLATE) as template:
        if not template.exists():
            _create_template(server)
            template.touch()
    database = server.create_database(_TEMPLATE)
    return PostgresqlStorage(database, database.connect(ADMIN))


def _create_template(server: postgresql.Server) -> None:
    """Create the tables, and copies of them in another schema with the rows of a new installation."""
    # Of all locales, C differs most from what Holdfast needs: it lowers only A to Z.
    server.execute(f"CREATE DATABASE {_TEMPLATE} OWNER {postgresql.OWNER} TEMPLATE template0 LOCALE 'C'")
    database = server.database(_TEMPLATE)
    Store(location_of(database), utc_now()).close()
    with database.connect(ADMIN) as connection:
        connection.execute(f"CREATE SCHEMA {_NEW}")
        PostgresqlStorage(database, connection).copy_tables(_NEW)


def _transfer(source: Path, target: Path) -> None:
    with closing(sqlite3.connect(source)) as reading, closing(sqlite3.connect(target)) as writing:
        reading.backup(writing)


@contextmanager
def without(storage: Storage, table: str) -> Iterator[None]:
    """Rename a table until the block ends, so that statements about it fail."""
    storage.execute(f"ALTER TABLE {table} RENAME TO elsewhere")
    yield
    storage.execute(f"ALTER TABLE elsewhere RENAME TO {table}")


def of_this_process(listener: Callable[[], object]) -> Callable[[], object]:
    """
    Return a listener that ignores transactions of other processes.

    A shared database also reports these, in a thread, when it only assumes them: at first, and after a reconnection.
    """

    def listen() -> None:
        if threading.current_thread().name != "notifications":
            listener()

    return listen
