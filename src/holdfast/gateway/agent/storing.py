"""
The storing of changes: one is on disk only once that has succeeded.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable
from functools import partial

from holdfast.gateway.discovery.cache import ResourceKey
from holdfast.gateway.resources.resource import Resource

Save = Callable[[Iterable[Resource], Iterable[ResourceKey]], Awaitable[None]]


async def save_nothing(_upserts: Iterable[Resource], _removals: Iterable[ResourceKey]) -> None:
    """Store no resources."""


class UnstoredResources:
    """The resources whose last change isn't on disk yet, or couldn't be stored. Lives on one event loop."""

    def __init__(self, save: Save) -> None:
        """*save* stores changed and removed resources; it returns once a power failure couldn't lose them."""
        self._save = save
        self._last: dict[ResourceKey, asyncio.Future[None]] = {}

    @property
    def keys(self) -> Collection[ResourceKey]:
        """The resources that were changed or removed, and aren't on disk like that."""
        return self._last.keys()

    def store(self, upserts: Collection[Resource], removals: Collection[ResourceKey] = ()) -> "asyncio.Future[None]":
        """Begin to store a change, and return the future of its end."""
        saving = asyncio.ensure_future(self._save(upserts, removals))
        keys = [*((resource.type_url, resource.name) for resource in upserts), *removals]
        self._last.update(dict.fromkeys(keys, saving))
        saving.add_done_callback(partial(self._forget, keys))
        return saving

    def _forget(self, keys: Iterable[ResourceKey], saving: "asyncio.Future[None]") -> None:
        if not is_stored(saving):
            return
        for key in keys:
            if self._last.get(key) is saving:
                del self._last[key]


def is_stored(saving: "asyncio.Future[None]") -> bool:
    """Return whether a change is on disk."""
    return saving.done() and not saving.cancelled() and saving.exception() is None
