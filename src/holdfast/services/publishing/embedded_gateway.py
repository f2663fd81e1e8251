"""
The gateway that tests backends: it gets the resources of a test, runs it, and the resources are removed.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

from holdfast.gateway.discovery.cache import Cache, Gateway
from holdfast.gateway.probing.connection import (
    Connection,
    HeadAnswer,
    NoAnswer,
    connect,
    probe_head,
)
from holdfast.gateway.probing.resources import ProbeResources

T = TypeVar("T")


class ProbeRefused(RuntimeError):
    """The gateway rejected the resources of a test; the text is the gateway's."""


class EmbeddedGateway:
    """
    The gateway with the id *gateway*, which accepts tests on *socket*. Lives on one event loop.

    The gateway has the resources of a test only while the test runs.
    """

    def __init__(self, cache: Cache, gateway: str, socket: Path) -> None:
        self._cache = cache
        self._gateway = gateway
        self._socket = socket

    async def probe(self, probe: ProbeResources, judge: Callable[[Connection], Awaitable[T]]) -> T:
        """
        Let the gateway connect to the backend of *probe*; return what *judge* returns for the connection.

        Raises:
            NoAnswer: The gateway can't be reached.
            ProbeRefused: The gateway rejected the resources.
        """
        async with self._provide(probe), connect(self._socket, probe.cluster.name) as connection:
            return await judge(connection)

    async def head(self, probe: ProbeResources, path: str) -> HeadAnswer:
        """
        Let the gateway send `HEAD` *path* to the backend of *probe*.

        Raises:
            NoAnswer: The gateway can't be reached.
            ProbeRefused: The gateway rejected the resources.
        """
        async with self._provide(probe):
            return await probe_head(self._socket, probe.cluster.name, probe.authority, path)

    @asynccontextmanager
    async def _provide(self, probe: ProbeResources) -> AsyncIterator[None]:
        self._cache.apply([*probe.secrets, probe.cluster])
        try:
            await self._until_used(probe)
            yield
        finally:
            self._cache.apply([], probe.keys)

    async def _until_used(self, probe: ProbeResources) -> None:
        """Wait until the gateway uses the resources of *probe*."""
        observer = self._cache.observe()
        try:
            while not self._acknowledged(probe):
                self._raise_refusal(probe)
                await observer.wait()
                observer.clear()
        finally:
            self._cache.stop_observing(observer)

    def _acknowledged(self, probe: ProbeResources) -> bool:
        if not self._gateways:
            raise NoAnswer("No gateway is connected.")
        return any(gateway.started and gateway.has(probe.keys[0], probe.cluster.version) for gateway in self._gateways)

    def _raise_refusal(self, probe: ProbeResources) -> None:
        refused = (gateway.rejected.get(key) for gateway in self._gateways for key in probe.keys)
        if rejection := next(filter(None, refused), None):
            raise ProbeRefused(rejection.message)

    @property
    def _gateways(self) -> list[Gateway]:
        return [gateway for gateway in self._cache.gateways if gateway.id == self._gateway]
