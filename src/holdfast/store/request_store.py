"""
Database access for one request, whose reads all see the same state until it writes.
"""

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from types import TracebackType
from typing import Self

from sqlalchemy.orm import Session

from holdfast.store.database import Store


class RequestStore:
    """
    A request's transactions: one for reading, from the first read until a write, `release`, or the end of the block.

    Reads within a write use its transaction; later reads see its changes. The threads of a request take turns. A read
    transaction holds a connection and prevents the write-ahead log from being reset, so release it before waiting for
    anything else (a backend, a stream of events).
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.RLock()
        self._open = ExitStack()
        self._reading: Session | None = None
        self._writing: Session | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.release()

    @contextmanager
    def read(self) -> Iterator[Session]:
        """Run queries in the request's read transaction, or in its current write. Raises StoreFailure."""
        with self._lock:
            session = self._writing or self._reading
            if session is None:
                session = self._reading = self._open.enter_context(self._store.read())
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """Run one write transaction; an exception rolls it back. Raises as Store.write does."""
        with self._lock:
            self.release()
            with self._store.write() as session:
                self._writing = session
                try:
                    yield session
                finally:
                    self._writing = None

    def release(self) -> None:
        """End the open read transaction, if any; the next read begins another."""
        with self._lock:
            self._reading = None
            self._open.close()

    def release_if_crowded(self) -> None:
        """End the read transaction before a short wait, if many connections are in use."""
        if self._store.is_crowded:
            self.release()
