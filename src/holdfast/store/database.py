"""
The database itself: opened, brought up to date, read and written in transactions.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import URL, Connection, create_engine, event
from sqlalchemy.orm import Session
from sqlalchemy.pool import ConnectionPoolEntry, QueuePool

MIGRATIONS = Path(__file__).parent / "migrations"
BUSY_TIMEOUT = 10_000  # milliseconds that a writer waits for another


class Store:
    """A database that has been brought up to date."""

    def __init__(self, path: Path) -> None:
        url = URL.create("sqlite", database=str(path))
        self._engine = create_engine(url, poolclass=QueuePool, connect_args={"isolation_level": None})
        event.listen(self._engine, "connect", _configure)
        event.listen(self._engine, "begin", _begin)
        self._listeners: list[Callable[[], object]] = []
        with self._engine.connect() as connection:
            _migrate(connection)

    @contextmanager
    def read(self) -> Iterator[Session]:
        """Run queries that see one state of the database."""
        with Session(self._engine, expire_on_commit=False) as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """Run one transaction: all of it is kept, or, after an exception, nothing."""
        with Session(self._engine.execution_options(holdfast_write=True), expire_on_commit=False) as session:
            yield session
            session.commit()
        for listener in self._listeners:
            listener()

    def on_write(self, listener: Callable[[], object]) -> None:
        """Call *listener*, in the writer's thread, after each transaction that was kept."""
        self._listeners.append(listener)

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()


def _configure(connection: object, entry: ConnectionPoolEntry) -> None:
    """What is acknowledged survives a power cut (FULL), readers do not wait for writers (WAL)."""
    del entry
    # SQLite's own knows A to Z only: a search for "äpfel" would not find "Äpfel".
    connection.create_function("lower", 1, _lower, deterministic=True)  # type: ignore[attr-defined]
    cursor = connection.cursor()  # type: ignore[attr-defined]  # a DBAPI connection; SQLAlchemy types it as Any
    cursor.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT}")
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()


def _lower(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


def _begin(connection: Connection) -> None:
    # A transaction that will write takes the lock at once: one that reads first can fail when it writes later.
    write = connection.get_execution_options().get("holdfast_write")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")


def _migrate(connection: Connection) -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
