"""
Observers: tasks that show or follow what gateways have.
"""

import asyncio

SOON = 0.1  # seconds


class Observers:
    """Events that are set together, and with them those of *parent*."""

    def __init__(self, parent: "Observers | None" = None) -> None:
        """Begin without observers."""
        self._parent = parent
        self._observers: set[asyncio.Event] = set()
        self._telling: asyncio.TimerHandle | None = None

    def observe(self) -> asyncio.Event:
        """Return an event that is set whenever a gateway connects, disconnects, acknowledges or rejects."""
        observer = asyncio.Event()
        self._observers.add(observer)
        return observer

    def stop_observing(self, observer: asyncio.Event) -> None:
        """Forget *observer*."""
        self._observers.discard(observer)

    def tell_observers(self) -> None:
        """Wake all observers."""
        for observer in self._observers:
            observer.set()
        if self._parent:
            self._parent.tell_observers()

    def tell_observers_soon(self) -> None:
        """Wake all observers within SOON; further calls until then have no effect."""
        if self._telling is None:
            self._telling = asyncio.get_running_loop().call_later(SOON, self._tell_now)

    def _tell_now(self) -> None:
        self._telling = None
        self.tell_observers()
