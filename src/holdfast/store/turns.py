"""
Turns for the writers of one process, in order of arrival.
"""

import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from holdfast.store.errors import StoreBusy

PATIENCE = 10.0  # seconds that a writer waits in total, for this process's other writers and for other processes
MOST_WAITING = 200  # waiting writers of this process


class Turns:
    """A first-come, first-served queue of threads, limited in length and time."""

    def __init__(self, limit: int, patience: float) -> None:
        """At most *limit* threads wait, each for at most *patience* seconds."""
        self._limit = limit
        self._patience = patience
        self._lock = threading.Lock()
        self._taken = False
        self._waiting: deque[threading.Event] = deque()

    @property
    def waiting(self) -> int:
        """The number of waiting threads."""
        return len(self._waiting)

    @contextmanager
    def turn(self) -> Iterator[float]:
        """
        Wait for this thread's turn, which lasts until the block ends, and yield the remaining seconds of patience.

        Raises:
            StoreBusy: Too many threads are already waiting, or those before took too long.
        """
        ends_at = time.monotonic() + self._patience
        self._take()
        try:
            yield max(ends_at - time.monotonic(), 0.0)
        finally:
            with self._lock:
                self._pass_on()

    def _take(self) -> None:
        with self._lock:
            if not self._taken:
                self._taken = True
                return
            if len(self._waiting) >= self._limit:
                raise StoreBusy
            ticket = threading.Event()
            self._waiting.append(ticket)
        is_called = False
        try:
            is_called = ticket.wait(self._patience)
        finally:
            if not is_called:
                self._leave(ticket)
        if not is_called:
            raise StoreBusy

    def _leave(self, ticket: threading.Event) -> None:
        with self._lock:
            if ticket in self._waiting:
                self._waiting.remove(ticket)
            else:
                self._pass_on()  # its turn came just as it gave up

    def _pass_on(self) -> None:
        if self._waiting:
            self._waiting.popleft().set()
        else:
            self._taken = False
