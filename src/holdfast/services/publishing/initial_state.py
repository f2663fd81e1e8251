"""
Whether the gateway on this machine has everything that was published when the publisher started.

It accepts connections before: with thousands of APIs, routes arrive in pieces after the listeners.
"""

import asyncio
import math

import structlog

from holdfast.gateway.discovery.ads import ORDER
from holdfast.gateway.discovery.cache import Cache, Gateway

log = structlog.get_logger()
STALLED_AFTER = 30.0  # seconds without progress
LOOK_AGAIN = 0.1  # seconds, because nothing wakes observers when a change turns out to be none


class InitialState:
    """Follows the gateway with the id *gateway*, which follows *cache*. Lives on one event loop."""

    def __init__(self, cache: Cache, gateway: str) -> None:
        self._cache = cache
        self._gateway = gateway
        self._is_over = False

    def is_complete(self) -> bool:
        """Return whether the gateway has everything, had it before, or isn't connected."""
        return self._is_over or not self._gateways or not self._count_missing()

    async def wait(self) -> None:
        """Wait until the gateway has everything, or until nothing has arrived for STALLED_AFTER, which is logged."""
        observer, clock = self._cache.observe(), asyncio.get_running_loop().time
        least, end = math.inf, math.inf
        try:
            while missing := self._count_missing():
                if missing < least:
                    least, end = missing, clock() + STALLED_AFTER
                elif clock() > end:
                    log.error("gateway lacks resources at the start", gateway=self._gateway, resources=missing)
                    break
                observer.clear()
                try:
                    async with asyncio.timeout(LOOK_AGAIN):
                        await observer.wait()
                except TimeoutError:
                    continue
        finally:
            self._cache.stop_observing(observer)
        self._is_over = True

    def _count_missing(self) -> int:
        """Count resources without an answer; all of them if the gateway isn't connected."""
        counts = [gateway.behind or self._count_unanswered(gateway) for gateway in self._gateways]
        return max(counts, default=sum(len(self._cache.get_resources(type_url)) for type_url in ORDER))

    def _count_unanswered(self, gateway: Gateway) -> int:
        """Compare each resource, because a gateway that has just connected isn't behind before it is sent anything."""
        return sum(
            not gateway.has((type_url, name), resource.version) and (type_url, name) not in gateway.rejected
            for type_url in ORDER
            for name, resource in self._cache.get_resources(type_url).items()
        )

    @property
    def _gateways(self) -> list[Gateway]:
        return [gateway for gateway in self._cache.gateways if gateway.id == self._gateway]
