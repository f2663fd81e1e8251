"""
Probes by the agent: its Envoy gets the resources of a probe, connects to the backend, and the resources are removed.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from holdfast.gateway.control.requests import Connect, Head, Probe
from holdfast.gateway.discovery.cache import Cache
from holdfast.gateway.probing.connection import (
    Connection,
    HeadAnswer,
    NoAnswer,
    ProbeRejected,
    connect,
    probe_head,
)
from holdfast.gateway.resources.resource import CLUSTER, Resource


class EnvoyProbes:
    """
    Probes by the Envoy that follows *cache* and accepts probes on *socket*. Lives on one event loop.

    Envoy has the resources of a probe only while the probe runs.
    """

    def __init__(self, cache: Cache, socket: Path) -> None:
        self._cache = cache
        self._socket = socket

    @asynccontextmanager
    async def connect(self, probe: Connect) -> AsyncIterator[Connection]:
        """
        Let Envoy connect to the backend of *probe* until the block ends.

        Raises:
            NoAnswer: Envoy can't be reached.
            ProbeRejected: Envoy rejected the resources.
        """
        async with self._provide(probe) as cluster, connect(self._socket, cluster) as connection:
            yield connection

    async def send_head(self, probe: Head) -> HeadAnswer:
        """
        Let Envoy send the HEAD request of *probe*.

        Raises:
            NoAnswer: Envoy can't be reached.
            ProbeRejected: Envoy rejected the resources.
        """
        async with self._provide(probe) as cluster:
            return await probe_head(self._socket, cluster, probe.authority, probe.path)

    @asynccontextmanager
    async def _provide(self, probe: Probe) -> AsyncIterator[str]:
        """Provide the resources of *probe* until the block ends; yield the name of the cluster."""
        cluster = next(resource for resource in probe.resources if resource.type_url == CLUSTER)
        secrets = [resource for resource in probe.resources if resource is not cluster]
        self._cache.apply([*secrets, cluster])
        try:
            await self._wait_until_used(cluster, probe.resources)
            yield cluster.name
        finally:
            self._cache.apply([], [(resource.type_url, resource.name) for resource in (cluster, *secrets)])

    async def _wait_until_used(self, cluster: Resource, resources: tuple[Resource, ...]) -> None:
        """Wait until Envoy uses *cluster*."""
        observer = self._cache.observe()
        try:
            while not self._uses(cluster):
                self._raise_rejection(resources)
                await observer.wait()
                observer.clear()
        finally:
            self._cache.stop_observing(observer)

    def _uses(self, cluster: Resource) -> bool:
        if not self._cache.gateways:
            raise NoAnswer("Envoy isn't running.")
        key = (CLUSTER, cluster.name)
        # While Envoy is being replaced, there are two, and either may run the probe.
        return all(envoy.started and envoy.has(key, cluster.version) for envoy in self._cache.gateways)

    def _raise_rejection(self, resources: tuple[Resource, ...]) -> None:
        keys = [(resource.type_url, resource.name) for resource in resources]
        for envoy in self._cache.gateways:
            for key in keys:
                if rejection := envoy.rejected.get(key):
                    raise ProbeRejected(rejection.message)
