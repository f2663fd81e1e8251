"""
The database: read and write transactions, and those who wait for them.
"""

import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Protocol

from sqlalchemy.orm import Session

from holdfast.store.errors import StoreUncertain
from holdfast.store.location import Location
from holdfast.store.opening import open_database
from holdfast.store.topics import Topic


class Transactions(Protocol):
    """The interface that use cases read and write with: a Store, or a RequestStore."""

    def read(self) -> AbstractContextManager[Session]:
        """Run queries that all see the same state of the database. Raises StoreFailure."""

    def write(self) -> AbstractContextManager[Session]:
        """Run one transaction; an exception rolls it back. Raises StoreFailure."""

    def release(self) -> None:
        """End the open read transaction, if any, so that it isn't held during a wait; the next read begins another."""


class Notes(Transactions, Protocol):
    """The interface of background work that also writes about the installation: a Store, or a LeasedStore."""

    def note(self, topic: Topic) -> AbstractContextManager[Session]:
        """Run one transaction that writes about the installation, as `Store.note` says. Raises StoreFailure."""


class Store:
    """An open database with current tables."""

    def __init__(self, location: Location, now: datetime) -> None:
        """
        Open the database at *location*, the path of an SQLite file or a PostgreSQL server, with current tables.

        A file is created if it doesn't exist. Otherwise it is checked, and copied before a migration; the copy is
        named after *now*. Raises StoreFailure.
        """
        self._database = open_database(location, now)
        self.is_shared = not isinstance(location, Path)  # with other control planes; an SQLite file has only one
        self._listeners: defaultdict[Topic, list[Callable[[], object]]] = defaultdict(list)
        self._following = threading.Lock()
        self._follows = False

    @contextmanager
    def read(self) -> Iterator[Session]:
        """Run queries that all see the same state of the database. Raises StoreFailure."""
        with self._database.read() as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """
        Run one transaction; an exception rolls it back.

        Writers take turns in order of arrival, so do slow work before. Raises StoreFailure, including StoreBusy if this
        writer's turn doesn't come in time.
        """
        with self._telling(Topic.CHANGES), self._database.write(Topic.CHANGES) as session:
            yield session

    @contextmanager
    def note(self, topic: Topic) -> Iterator[Session]:
        """
        Run one transaction that writes about the installation itself, such as which gateways are connected.

        Such rows are not part of what gateways are sent, so listeners of `on_write` aren't called, only those of
        *topic*. An exception rolls it back. On PostgreSQL, other writers may run at the same time, so change rows with
        single statements such as `INSERT ... ON CONFLICT`. Raises StoreFailure.
        """
        with self._telling(topic), self._database.note(topic) as session:
            yield session

    def release(self) -> None:
        """Do nothing, because each read ends with its block."""

    @property
    def is_reachable(self) -> bool:
        """Whether the latest transaction could begin; an SQLite file is always reachable."""
        return self._database.is_reachable

    @property
    def connections(self) -> int:
        """The number of connections in use, one for each open transaction."""
        return self._database.connections

    @property
    def is_crowded(self) -> bool:
        """Whether so many connections are in use that none should be held during a wait for something else."""
        return self._database.is_crowded

    def on_write(self, listener: Callable[[], object]) -> None:
        """
        Call *listener* after each committed transaction, in the writer's thread.

        After transactions of other processes, which are noticed within a second, it is called in another thread.
        """
        self.on_note(Topic.CHANGES, listener)

    def on_note(self, topic: Topic, listener: Callable[[], object]) -> None:
        """Call *listener* after each committed `note` about *topic*, as `on_write` does."""
        self._listeners[topic].append(listener)
        with self._following:
            if not self._follows:
                self._database.follow(self._tell)
                self._follows = True

    @contextmanager
    def _telling(self, topic: Topic) -> Iterator[None]:
        """Call the listeners of *topic* after the block, unless it saved nothing."""
        try:
            yield
        except StoreUncertain:
            self._tell(topic)
            raise
        self._tell(topic)

    def _tell(self, topic: Topic) -> None:
        for listener in self._listeners[topic]:
            listener()

    def hurry(self) -> None:
        """Wait only seconds for a server that doesn't answer from now on, because the process stops."""
        self._database.hurry()

    def close(self) -> None:
        """Close all connections."""
        self._database.close()
