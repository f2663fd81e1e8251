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
    """Removes resources from the cache when they expire, so that a new Envoy doesn't get them. Lives on one loop."""

    def __init__(self, cache: Cache, now: Callable[[], datetime]) -> None:
        self._cache = cache
        self._now = now
        self._expiring: dict[ResourceKey, Resource] = {}
        self._changed = asyncio.Event()

    def watch(self, resources: Iterable[Resource]) -> None:
        """Remove those of *resources* that expire at their time, unless another version replaces them before."""
        for resource in resources:
            if resource.expires_at is not None:
                self._expiring[resource.type_url, resource.name] = resource
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
        now, expired = self._now(), []
        for key, resource in list(self._expiring.items()):
            if self._cache.get(*key) is not resource:
                del self._expiring[key]
            elif resource.expires_at and resource.expires_at <= now:
                del self._expiring[key]
                expired.append(key)
        if expired:
            log.warning("expired without a control plane", resources=sorted(name for _, name in expired))
            self._cache.apply([], expired)
        times = [resource.expires_at for resource in self._expiring.values() if resource.expires_at]
        return min(max((min(times) - now).total_seconds(), 0.0), LONGEST_SLEEP) if times else None
