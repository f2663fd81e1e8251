"""
The gateway's side of the discovery stream, over a real unix socket.

    async with discovery(tmp_path) as (cache, connect):
        edge = await connect("edge-1")
        await edge.ask(CLUSTER)
        response = await edge.receive()
        await edge.answer(response)
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import grpc.aio
from envoy.config.core.v3.base_pb2 import Node
from envoy.service.discovery.v3.ads_pb2_grpc import AggregatedDiscoveryServiceStub
from envoy.service.discovery.v3.discovery_pb2 import DeltaDiscoveryRequest, DeltaDiscoveryResponse
from google.rpc.status_pb2 import Status

from holdfast.apis.gateways.group import DEFAULT_GROUP
from holdfast.gateway.discovery.ads import DiscoveryService, serve
from holdfast.gateway.discovery.cache import Cache, Gateway
from holdfast.gateway.failures.access_log import AccessLog, FailedRequest
from holdfast.gateway.peer import Peer
from holdfast.server.clock import utc_now

PATIENCE = 30  # seconds until a wait in a test fails


class Edge:
    """A gateway's stream; as with Envoy, only the first request identifies the node."""

    def __init__(
        self, channel: grpc.aio.Channel, node: str, metadata: tuple[tuple[str, str], ...] | None = None
    ) -> None:
        self._call = AggregatedDiscoveryServiceStub(channel).DeltaAggregatedResources(
            metadata=name_of(node) if metadata is None else metadata
        )
        self._node: Node | None = Node(id=node)

    async def ask(
        self, type_url: str, *names: str, has: Mapping[str, str] | None = None, unsubscribe: tuple[str, ...] = ()
    ) -> None:
        """Subscribe and unsubscribe."""
        request = DeltaDiscoveryRequest(
            type_url=type_url,
            resource_names_subscribe=names,
            resource_names_unsubscribe=unsubscribe,
            initial_resource_versions=has or {},
        )
        await self._send(request)

    async def receive(self) -> DeltaDiscoveryResponse:
        """Wait for the next response."""
        async with asyncio.timeout(PATIENCE):
            return await self._call.read()

    async def answer(self, response: DeltaDiscoveryResponse, error: str | None = None) -> None:
        """Acknowledge a response, or reject it with *error*."""
        request = DeltaDiscoveryRequest(type_url=response.type_url, response_nonce=response.nonce)
        if error is not None:
            request.error_detail.CopyFrom(Status(code=13, message=error))
        await self._send(request)

    async def take(self) -> dict[str, str]:
        """Wait for the next response, acknowledge it, and return its versions by name; "" is a removal."""
        response = await self.receive()
        await self.answer(response)
        return versions(response)

    async def end(self) -> tuple[grpc.StatusCode, str]:
        """Wait for the end of the stream, and return its code and text."""
        return await self._call.code(), await self._call.details()

    def disconnect(self) -> None:
        """Close the connection."""
        self._call.cancel()

    async def _send(self, request: DeltaDiscoveryRequest) -> None:
        if self._node is not None:
            request.node.CopyFrom(self._node)
            self._node = None
        await self._call.write(request)


def versions(response: DeltaDiscoveryResponse) -> dict[str, str]:
    """Return the versions in a response by name; "" is a removal."""
    upserts = {resource.name: resource.version for resource in response.resources}
    return upserts | dict.fromkeys(response.removed_resources, "")


async def until(cache: Cache, true: Callable[[list[Gateway]], object]) -> None:
    """Wait until the connected gateways fulfil a condition."""
    observer = cache.observe()
    async with asyncio.timeout(PATIENCE):
        while not true(cache.gateways):
            await observer.wait()
            observer.clear()
    cache.stop_observing(observer)


def name_of(gateway: str, group: str = DEFAULT_GROUP) -> tuple[tuple[str, str], ...]:
    """Return the metadata that names a gateway to a test's server."""
    return (("gateway", gateway), ("group", group))


def identify(context: grpc.aio.ServicerContext[Any, Any]) -> Peer | None:
    """Identify a gateway by its stream's metadata; a stream without is that of `edge`."""
    metadata = dict(context.invocation_metadata() or ())
    return Peer(str(metadata.get("gateway", "edge")), str(metadata.get("group", DEFAULT_GROUP)))


async def serve_cache(
    cache: Cache, address: str, take: Callable[[FailedRequest], None] = lambda _: None, **options: Any
) -> grpc.aio.Server:
    """Serve one cache to every gateway, and pass failed requests to *take*."""
    access_log = AccessLog(identify, lambda _, request: take(request), utc_now)
    service = DiscoveryService(identify, lambda _: cache, utc_now, **options)
    return await serve(address, service.register, access_log.register)


@asynccontextmanager
async def discovery(directory: Path, **options: Any) -> AsyncIterator[tuple[Cache, Callable[[str], Awaitable[Edge]]]]:
    """
    Serve a cache on a socket in *directory*, and yield it with a function that connects to it.

    *options* are those of the service.
    """
    cache, address = Cache(), f"unix:{directory / 'ads'}"
    async with AsyncExitStack() as stack:
        server = await serve_cache(cache, address, **options)
        stack.push_async_callback(server.stop, 0)

        async def connect(node: str) -> Edge:
            return Edge(await stack.enter_async_context(grpc.aio.insecure_channel(address)), node)

        yield cache, connect
