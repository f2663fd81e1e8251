"""
SQLite: opening the file, connection settings, turns of writers, and the meaning of errors.
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from urllib.parse import quote

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.pool import ConnectionPoolEntry, QueuePool

from holdfast.store.errors import (
    StoreBusy,
    StoreDamaged,
    StoreFailure,
    StoreFull,
    StoreReadOnly,
    StoreUnreadable,
    unwritable,
)
from holdfast.store.turns import Turns

PATIENCE = 10.0  # seconds that a writer waits in total, for this process's other writers and for other processes
MOST_WAITING = 200  # waiting writers of this process
KEPT = 20  # connections that stay open; more are opened as needed, so that no holder of one waits for another
_LEFT = "holdfast_seconds_left"  # a writer's execution option: the rest of PATIENCE
_NO_SPACE = {sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_SHMSIZE}  # a quota or limit; SQLITE_FULL is a full disk
_MEANINGS: dict[int, type[StoreFull | StoreReadOnly | StoreDamaged | StoreUnreadable]] = {
    sqlite3.SQLITE_FULL: StoreFull,
    sqlite3.SQLITE_READONLY: StoreReadOnly,
    sqlite3.SQLITE_CANTOPEN: StoreReadOnly,
    sqlite3.SQLITE_PERM: StoreReadOnly,
    sqlite3.SQLITE_CORRUPT: StoreDamaged,
    sqlite3.SQLITE_NOTADB: StoreDamaged,
    sqlite3.SQLITE_IOERR: StoreUnreadable,
}
_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL}


class SqliteEngine:
    """A database file: its connections read concurrently, and its writers take turns."""

    def __init__(self, path: Path) -> None:
        """Open the file at *path*, or create it with mode 0600. Raises StoreFailure."""
        self.path = path
        with suppress(FileExistsError):
            make_file(path)
        url = URL.create("sqlite", database=str(path))
        # A traceback must never show values, because some are password hashes (`hide_parameters`).
        self.engine = create_engine(
            url,
            poolclass=QueuePool,
            pool_size=KEPT,
            max_overflow=-1,
            connect_args={"isolation_level": None},
            hide_parameters=True,
        )
        event.listen(self.engine, "connect", _configure)
        event.listen(self.engine, "begin", _begin)
        event.listen(self.engine, "handle_error", self._explain)
        self._turns = Turns(MOST_WAITING, PATIENCE)

    @property
    def connections(self) -> int:
        """The number of connections in use."""
        pool = self.engine.pool
        return pool.checkedout() if isinstance(pool, QueuePool) else 0

    @contextmanager
    def writing(self) -> Iterator[Engine]:
        """
        Wait for this thread's turn to write, and yield the engine to write with until the block ends.

        Raises:
            StoreBusy: It has waited for PATIENCE seconds, or too many writers are already waiting.
        """
        with self._turns.turn() as left:
            yield self.engine.execution_options(**{_LEFT: left})

    def _explain(self, context: ExceptionContext) -> StoreFailure | None:
        error = context.original_exception
        return explain(error, self.path) if isinstance(error, sqlite3.Error) else None


def make_file(path: Path) -> None:
    """Create an empty file with mode 0600, which SQLite copies to its log. Raises FileExistsError, StoreFailure."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise
    except OSError as error:
        raise unwritable(error) or StoreReadOnly(path, error.strerror or str(error)) from error
    os.fchmod(descriptor, 0o600)
    os.close(descriptor)


def log_of(path: Path) -> Path:
    """Return the path of a database's write-ahead log: next to the file itself, not to a symbolic link to it."""
    return Path(f"{os.path.realpath(path)}-wal")


def connect_to_read(path: Path) -> sqlite3.Connection:
    """Open a database read-only, whether or not a Holdfast runs on it."""
    # Without a log next to it, no process has it open, and reading doesn't need to create files.
    how = "mode=ro" if log_of(path).exists() else "mode=ro&immutable=1"
    return sqlite3.connect(
        f"file:{quote(os.fsencode(path.absolute()))}?{how}", uri=True, timeout=PATIENCE, isolation_level=None
    )


@contextmanager
def open_to_read(path: Path) -> Iterator[sqlite3.Connection]:
    """Open a database read-only until the block ends; SQLite's errors within it become StoreFailure."""
    try:
        with closing(connect_to_read(path)) as connection:
            yield connection
    except sqlite3.Error as error:
        raise explain(error, path) or StoreUnreadable(path, str(error)) from error


def explain(error: sqlite3.Error, path: Path) -> StoreFailure | None:
    """Return the failure that an SQLite error means for *path*; None if it is about the statement, not the file."""
    code = getattr(error, "sqlite_errorcode", 0)
    if code & 0xFF in _BUSY:
        return StoreBusy()
    if code in _NO_SPACE:
        return StoreFull(path, str(error))
    meaning = _MEANINGS.get(code & 0xFF)
    return meaning(path, str(error)) if meaning else None


def _configure(connection: object, entry: ConnectionPoolEntry) -> None:
    """Configure a connection: commits survive a power cut (FULL), and readers don't wait for writers (WAL)."""
    del entry
    # SQLite's own function changes only A to Z, so a search for "äpfel" would not find "Äpfel".
    connection.create_function("lower", 1, _lower, deterministic=True)  # type: ignore[attr-defined]
    cursor = connection.cursor()  # type: ignore[attr-defined]  # a DBAPI connection; SQLAlchemy types it as Any
    _wait_for_others(cursor, PATIENCE)
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()


def _lower(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


def _begin(connection: Connection) -> None:
    left = connection.get_execution_options().get(_LEFT)
    if left is None:
        connection.exec_driver_sql("BEGIN")
        return
    cursor = connection.connection.cursor()
    _wait_for_others(cursor, left)
    # A transaction that will write takes the lock at once, because one that reads first may fail to upgrade later.
    connection.exec_driver_sql("BEGIN IMMEDIATE")
    _wait_for_others(cursor, PATIENCE)
    cursor.close()


def _wait_for_others(cursor: object, seconds: float) -> None:
    cursor.execute(f"PRAGMA busy_timeout = {round(seconds * 1000)}")  # type: ignore[attr-defined]
