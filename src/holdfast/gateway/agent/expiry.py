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
                left = (resource.expires_at - self._now()).total_seconds()
                self._expiring[resource.type_url, resource.name] = resource, clock() + left
                self._changed.set()

    async def follow(self) -> None:
        """Remove expired resources until cancelled."""
        while True:
            self._changed.clear()
            left = self._remove_expired()
            with suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await self._changed.wait()

    def _remove_expired(self) -> float | None:
        """Remove what has expired; return the seconds until it must be called again, None: only after a change."""
        expired: list[ResourceKey] = []
        remaining: list[float] = []
        for key, (resource, due) in list(self._expiring.items()):
            left = self._left(resource, due)
            if self._cache.get(*key) is not resource:
                del self._expiring[key]
            elif left <= 0:
                del self._expiring[key]
                expired.append(key)
            else:
                remaining.append(left)
        if expired:
            log.warning("expired without a control plane", resources=sorted(name for _, name in expired))
            self._cache.apply([], expired)
        return min(*remaining, LONGEST_SLEEP) if remaining else None

    def _left(self, resource: Resource, due: float) -> float:
        """Return the seconds that are left of a resource."""
        assert resource.expires_at  # noqa: S101 - only such resources are watched
        left = due - asyncio.get_running_loop().time()
        return left if self._is_connected() else min(left, (resource.expires_at - self._now()).total_seconds())
