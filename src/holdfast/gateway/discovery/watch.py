"""
Names of the resources that changed since a stream last sent updates.
"""

import asyncio
from collections.abc import Collection


class Watch(asyncio.Event):
    """
    An event that is set when resources have changed; it remembers their names until the stream takes them.

    Each name is kept once, however often it changes while a slow gateway takes nothing.
    """

    def __init__(self) -> None:
        """Create a watch without changes."""
        super().__init__()
        self._changed: dict[str, dict[str, None]] = {}  # names in the order of their first change

    def add(self, type_url: str, name: str) -> None:
        """Remember that this resource was added, changed or removed."""
        self._changed.setdefault(type_url, {})[name] = None

    @property
    def size(self) -> int:
        """The number of resources that have changed since they were last taken. Threads may read it."""
        return sum(map(len, list(self._changed.values())))

    def take(self, type_url: str) -> Collection[str]:
        """Return the names of one type that changed since the last call."""
        return self._changed.pop(type_url, {})
