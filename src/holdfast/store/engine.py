"""
The interface of the database engines, SQLite and PostgreSQL.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol

from sqlalchemy import Engine, event
from sqlalchemy.orm import Session
from sqlalchemy.pool import ConnectionPoolEntry, QueuePool

from holdfast.store.topics import Topic


class DatabaseEngine(Protocol):
    """An open database. All methods raise StoreFailure."""

    @property
    def is_reachable(self) -> bool:
        """Whether the latest transaction could begin."""

    @property
    def connections(self) -> int:
        """The number of connections in use."""

    @property
    def is_crowded(self) -> bool:
        """Whether so many connections are in use that none should be held during a wait for something else."""

    def read(self) -> AbstractContextManager[Session]:
        """Run queries that all see the same state of the database."""

    def write(self, topic: Topic) -> AbstractContextManager[Session]:
        """Run one transaction about *topic* after those of all other writers, in every process, and commit it."""

    def note(self, topic: Topic) -> AbstractContextManager[Session]:
        """Run one transaction about *topic*, which other processes' writers may run next to, and commit it."""

    def follow(self, listener: Callable[[Topic], object]) -> None:
        """Call *listener*, in some thread, after transactions that other processes commit."""

    def hurry(self) -> None:
        """Wait less for the database from now on, because the process stops."""

    def close(self) -> None:
        """Close all connections."""


def count_connections_in_use(engine: Engine) -> int:
    """Return the number of connections that are taken from the pool of *engine*."""
    pool = engine.pool
    return pool.checkedout() if isinstance(pool, QueuePool) else 0


def close_all(engine: Engine) -> None:
    """Close all connections of *engine*: idle ones now, and those in use when they are returned."""
    event.listen(engine, "checkin", _close)
    engine.dispose()


def _close(connection: object, entry: ConnectionPoolEntry) -> None:
    """Close a returned connection, because nobody uses the pool again."""
    if connection is not None:  # None: it is closed already
        entry.invalidate()
