"""
SQLite: connections to the file, their settings, and the turns of writers.
"""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sqlalchemy import URL, Connection, create_engine, event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.orm import Session
from sqlalchemy.pool import ConnectionPoolEntry, QueuePool

from holdfast.store.engine import close_all, count_connections_in_use
from holdfast.store.errors import StoreFailure
from holdfast.store.folding import LOWER_ALL
from holdfast.store.sqlite.files import explain, make_file, read_text
from holdfast.store.sqlite.transaction_count import count_transaction
from holdfast.store.topics import Topic
from holdfast.store.turns import MOST_WAITING, PATIENCE, Turns

POOL_SIZE = 20  # connections that stay open; more are opened as needed, so that no holder of one waits for another
_SECONDS_LEFT = "holdfast_seconds_left"  # a writer's execution option: the rest of PATIENCE


class SqliteEngine:
    """A database file: its connections read concurrently, and its writers take turns."""

    is_reachable = True

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
            pool_size=POOL_SIZE,
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
        return count_connections_in_use(self.engine)

    @property
    def is_crowded(self) -> bool:
        """Whether more connections are in use than stay open."""
        return self.connections >= POOL_SIZE

    @contextmanager
    def read(self) -> Iterator[Session]:
        """Run queries that all see the same state of the database. Raises StoreFailure."""
        with Session(self.engine, expire_on_commit=False, close_resets_only=False) as session:
            yield session

    @contextmanager
    def write(self, topic: Topic) -> Iterator[Session]:
        """
        Wait for this thread's turn, run one transaction, and count it.

        Raises:
            StoreBusy: It has waited for PATIENCE seconds, or too many writers are already waiting.
        """
        with self.note(topic) as session:
            yield session
            if session.in_transaction():
                session.flush()
                count_transaction(session.connection())

    @contextmanager
    def note(self, topic: Topic) -> Iterator[Session]:
        """Wait for this thread's turn, and run one transaction. Raises as `write` does."""
        del topic  # the store tells those who wait, all of which are in this process
        with self._turns.turn() as seconds_left:
            engine = self.engine.execution_options(**{_SECONDS_LEFT: seconds_left})
            with Session(engine, expire_on_commit=False) as session:
                yield session
                session.commit()

    def follow(self, listener: Callable[[Topic], object]) -> None:
        """Do nothing, because only this process writes."""

    def hurry(self) -> None:
        """Do nothing, because a file answers at once."""

    def close(self) -> None:
        """Close all connections."""
        close_all(self.engine)

    def _explain(self, context: ExceptionContext) -> StoreFailure | None:
        error = context.original_exception
        return explain(error, self.path) if isinstance(error, sqlite3.Error) else None


def _configure(connection: object, entry: ConnectionPoolEntry) -> None:
    """Configure a connection: commits survive a power cut (FULL), and readers don't wait for writers (WAL)."""
    del entry
    connection.create_function(LOWER_ALL, 1, _lower, deterministic=True)  # type: ignore[attr-defined]
    connection.text_factory = read_text  # type: ignore[attr-defined]
    cursor = connection.cursor()  # type: ignore[attr-defined]  # a DBAPI connection; SQLAlchemy types it as Any
    _wait_for_others(cursor, PATIENCE)
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()


def _lower(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


def _begin(connection: Connection) -> None:
    seconds_left = connection.get_execution_options().get(_SECONDS_LEFT)
    if seconds_left is None:
        connection.exec_driver_sql("BEGIN")
        return
    cursor = connection.connection.cursor()
    _wait_for_others(cursor, seconds_left)
    # A transaction that will write takes the lock at once, because one that reads first may fail to upgrade later.
    connection.exec_driver_sql("BEGIN IMMEDIATE")
    _wait_for_others(cursor, PATIENCE)
    cursor.close()


def _wait_for_others(cursor: object, seconds: float) -> None:
    cursor.execute(f"PRAGMA busy_timeout = {round(seconds * 1000)}")  # type: ignore[attr-defined]
