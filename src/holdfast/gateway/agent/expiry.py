"""
The end of resources that expire, such as a trust exception, without a control plane.
"""

import asyncio
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import datetime

import structlog

from holdfast.gateway.discovery.cache import Cache, ResourceKey
from holdfast.gateway.resources.resource import Resource

log = structlog.get_logger()
LONGEST_SLEEP = 60.0  # seconds: clocks are adjusted, and machines are suspended


class Expiries:
    """
    Removes resources from the cache when they expire, so that a new Envoy doesn't get them. Lives on one loop.

    The time that was left when they arrived counts, so that nothing lasts longer if the clock is set back. Without a
    control plane, the clock counts, too: the event loop's stops while the machine is suspended.
    """

    def __init__(
        self, cache: Cache, now: Callable[[], datetime], is_connected: Callable[[], bool] = lambda: False
    ) -> None:
        """*is_connected* returns whether there is a control plane, which ends what has expired by its own clock."""
        self._cache = cache
        self._now = now
        self._is_connected = is_connected
        self._expiring: dict[ResourceKey, tuple[Resource, float]] = {}  # with the time of the event loop
        self._changed = asyncio.Event()

    def watch(self, resources: Iterable[Resource]) -> None:
        """Remove those of *resources* that expire at their time, unless another version replaces them before."""
        clock = asyncio.get_running_loop().time
        for resource in resources:
            if resource.expires_at is not None:
                seconds = (resource.expires_at - self._now()).total_seconds()
                self._expiring[resource.type_url, resource.name] = resource, clock() + seconds
                self._changed.set()

    async def follow(self) -> None:
        """Remove expired resources until cancelled."""
        while True:
            self._changed.clear()
            seconds = self._remove_expired()
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._changed.wait()

    def _remove_expired(self) -> float | None:
        """Remove what has expired; return the seconds until it must be called again, None: only after a change."""
        keys: list[ResourceKey] = []
        remaining: list[float] = []
        for key, (resource, due) in list(self._expiring.items()):
            seconds = self._find_remaining_time(resource, due)
            if self._cache.get(*key) is not resource:
                del self._expiring[key]
            elif seconds <= 0:
                del self._expiring[key]
                keys.append(key)
            else:
                remaining.append(seconds)
        if keys:
            log.warning("expired without a control plane", resources=sorted(name for _, name in keys))
            self._cache.apply([], keys)
        return min(*remaining, LONGEST_SLEEP) if remaining else None

    def _find_remaining_time(self, resource: Resource, due: float) -> float:
        """Return the seconds that are left of a resource."""
        assert resource.expires_at  # noqa: S101 - only such resources are watched
        seconds = due - asyncio.get_running_loop().time()
        return seconds if self._is_connected() else min(seconds, (resource.expires_at - self._now()).total_seconds())
