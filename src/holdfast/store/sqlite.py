"""
SQLite: how its file is opened, what every connection is set to, how writers take turns, and what its errors mean.
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

PATIENCE = 10.0  # seconds that a writer waits, for others of this process and for other processes together
MOST_WAITING = 200  # writers of this process
KEPT = 20  # connections that stay open; more are opened as needed, so that nobody who has one waits for another
_LEFT = "holdfast_seconds_left"  # the execution option of a writer
_NO_SPACE = {sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_SHMSIZE}  # a quota or a limit; a full disk has a code
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
    """A database file: connections that read side by side, and writers that take turns."""

    def __init__(self, path: Path) -> None:
        """Open the file at *path*, or make it, for its user alone. Raises StoreFailure."""
        self.path = path
        with suppress(FileExistsError):
            make_file(path)
        url = URL.create("sqlite", database=str(path))
        # A traceback must never show a value: some are hashes of passwords.
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
        """How many connections are in use."""
        pool = self.engine.pool
        return pool.checkedout() if isinstance(pool, QueuePool) else 0

    @contextmanager
    def writing(self) -> Iterator[Engine]:
        """
        Wait for this thread's turn to write, and give the engine to write with until the block ends.

        Raises:
            StoreBusy: It waited for PATIENCE seconds, or too many wait already.
        """
        with self._turns.turn() as left:
            yield self.engine.execution_options(**{_LEFT: left})

    def _explain(self, context: ExceptionContext) -> StoreFailure | None:
        error = context.original_exception
        return explain(error, self.path) if isinstance(error, sqlite3.Error) else None


def make_file(path: Path) -> None:
    """Make an empty file; SQLite gives its log the same mode. Raises FileExistsError, StoreFailure."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise
    except OSError as error:
        raise unwritable(error) or StoreReadOnly(path, error.strerror or str(error)) from error
    os.fchmod(descriptor, 0o600)
    os.close(descriptor)


def log_of(path: Path) -> Path:
    """Give the path of a database's write-ahead log: next to the file itself, not to a symbolic link to it."""
    return Path(f"{os.path.realpath(path)}-wal")


def connect_to_read(path: Path) -> sqlite3.Connection:
    """Open a database to read it, whether a Holdfast runs on it or not."""
    # Without a log beside it nobody has it open, and reading needs to make no files.
    how = "mode=ro" if log_of(path).exists() else "mode=ro&immutable=1"
    return sqlite3.connect(
        f"file:{quote(os.fsencode(path.absolute()))}?{how}", uri=True, timeout=PATIENCE, isolation_level=None
    )


@contextmanager
def open_to_read(path: Path) -> Iterator[sqlite3.Connection]:
    """Open a database to read it until the block ends; an error of SQLite within it is a StoreFailure."""
    try:
        with closing(connect_to_read(path)) as connection:
            yield connection
    except sqlite3.Error as error:
        raise explain(error, path) or StoreUnreadable(path, str(error)) from error


def explain(error: sqlite3.Error, path: Path) -> StoreFailure | None:
    """Say what an error of SQLite means for the database at *path*; None: it is about the statement, not the file."""
    code = getattr(error, "sqlite_errorcode", 0)
    if code & 0xFF in _BUSY:
        return StoreBusy()
    if code in _NO_SPACE:
        return StoreFull(path, str(error))
    meaning = _MEANINGS.get(code & 0xFF)
    return meaning(path, str(error)) if meaning else None


def _configure(connection: object, entry: ConnectionPoolEntry) -> None:
    """What is acknowledged survives a power cut (FULL), readers do not wait for writers (WAL)."""
    del entry
    # SQLite's own knows A to Z only: a search for "äpfel" would not find "Äpfel".
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
    # A transaction that will write takes the lock at once: one that reads first can fail when it writes later.
    connection.exec_driver_sql("BEGIN IMMEDIATE")
    _wait_for_others(cursor, PATIENCE)
    cursor.close()


def _wait_for_others(cursor: object, seconds: float) -> None:
    cursor.execute(f"PRAGMA busy_timeout = {round(seconds * 1000)}")  # type: ignore[attr-defined]
