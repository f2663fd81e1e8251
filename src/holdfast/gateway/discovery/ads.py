"""
The aggregated discovery service: one incremental stream per gateway.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from datetime import datetime, timedelta
from pathlib import Path

import grpc.aio
import structlog
from envoy.service.discovery.v3.ads_pb2_grpc import (
    AggregatedDiscoveryServiceServicer,
    add_AggregatedDiscoveryServiceServicer_to_server,
)
from envoy.service.discovery.v3.discovery_pb2 import (
    DeltaDiscoveryRequest,
    DeltaDiscoveryResponse,
)
from envoy.service.discovery.v3.discovery_pb2 import Resource as WireResource
from google.protobuf.any_pb2 import Any

from holdfast.gateway.discovery.cache import Cache, Gateway
from holdfast.gateway.discovery.listener_retry import ListenerRetry
from holdfast.gateway.discovery.route_hold import RouteHold
from holdfast.gateway.discovery.subscription import WILDCARD, Subscription, Update
from holdfast.gateway.peer import Identify, Peer
from holdfast.gateway.resources.constants import GATEWAY_SECRET
from holdfast.gateway.resources.resource import CLUSTER, LISTENER, ROUTES, SECRET, Resource

log = structlog.get_logger()
_SHORTEST_LIFE = timedelta(milliseconds=1)
SILENT_AFTER = 5.0  # seconds without a message from a gateway until it is pinged
ANSWERS_WITHIN = 5.0  # seconds for the ping's answer
# Of one type on one stream: a gateway may be stolen. 10,000 APIs have 60,000 resources.
MAX_NAMES, LONGEST_NAME = 200_000, 1000
MAX_LOGGED = 1000  # characters of a NACK
# Make before break: a resource is sent before those that refer to it.
ORDER = (SECRET, CLUSTER, LISTENER, ROUTES)
# What routes refer to, directly or not.
_TARGETS = frozenset([SECRET, CLUSTER])
# What gateways on other machines aren't sent, by type URL.
_WITHHELD = {SECRET: frozenset([GATEWAY_SECRET])}
Register = Callable[[grpc.aio.Server], None]
SERVER_OPTIONS = [
    ("grpc.max_send_message_length", -1),
    ("grpc.max_receive_message_length", -1),
    ("grpc.keepalive_time_ms", round(SILENT_AFTER * 1000)),
    ("grpc.http2.ping_timeout_ms", round(ANSWERS_WITHIN * 1000)),
    ("grpc.http2.max_pings_without_data", 0),  # unlimited; the default is two
    ("grpc.http2.min_ping_interval_without_data_ms", 500),  # the default disconnects agents for their pings
]


class TooMuch(Exception):
    """A gateway asks for more than any gateway needs; the text says what."""


class DiscoveryService(AggregatedDiscoveryServiceServicer):  # type: ignore[misc]  # generated without types
    """
    The service that sends resources to gateways and records their ACKs and NACKs.

    A stream is bound to one cache, which depends only on the gateway that the transport identifies.
    """

    def __init__(
        self,
        identify: Identify,
        find_cache: Callable[[Peer], Cache | None],
        now: Callable[[], datetime],
        welcome: Callable[[], Awaitable[object]] | None = None,
        *,
        serves_envoys: bool = False,
        drain: float = 0.0,
    ) -> None:
        """
        *welcome* is awaited before a gateway is sent anything.

        A gateway that connects with clusters and secrets that don't exist anymore keeps them for *drain* seconds,
        because its routes refer to them until they are replaced.

        With *serves_envoys*, gateways are Envoys and not agents: routes to a new cluster wait until it is ready, and
        the first routes are one message, because an Envoy accepts connections after the first one. It rejects all
        routes of a message if it rejects one (measured).
        """
        self._identify = identify
        self._welcome = welcome
        self._find_cache = find_cache
        self._now = now
        self._serves_envoys = serves_envoys
        self._drain = drain

    def register(self, server: grpc.aio.Server) -> None:
        """Register the service with *server*."""
        add_AggregatedDiscoveryServiceServicer_to_server(self, server)

    async def DeltaAggregatedResources(  # noqa: N802 - the name in the protocol
        self,
        requests: AsyncIterator[DeltaDiscoveryRequest],
        context: grpc.aio.ServicerContext[DeltaDiscoveryRequest, DeltaDiscoveryResponse],
    ) -> AsyncIterator[DeltaDiscoveryResponse]:
        """Run one stream until the gateway or the server ends it. Reject a stream that no gateway may open."""
        peer = self._identify(context)
        if peer and self._welcome:
            await self._welcome()
        cache = self._find_cache(peer) if peer else None
        if peer is None or cache is None:
            await context.abort(grpc.StatusCode.PERMISSION_DENIED, "This isn't the stream of a known gateway.")
        stream = _Stream(cache, peer, self._now, self._drain, serves_envoys=self._serves_envoys)
        reader = asyncio.create_task(stream.read(requests))
        try:
            while not stream.ended:
                await stream.watch.wait()
                stream.watch.clear()
                for type_url, update in stream.take_updates():
                    yield _build_response(type_url, update, self._now())
            if stream.fault:
                log.warning("gateway disconnected, because it asks for too much", gateway=peer.name, why=stream.fault)
                await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, stream.fault)
        finally:
            reader.cancel()
            cache.disconnect(stream.gateway, stream.watch)
            log.info("gateway disconnected", gateway=stream.gateway.id)


class _Stream:
    def __init__(
        self, cache: Cache, peer: Peer, now: Callable[[], datetime], drain: float, *, serves_envoys: bool
    ) -> None:
        self._peer = peer
        self._now = now
        self._drain = drain
        self._releases: list[asyncio.TimerHandle] = []
        self._cache = cache
        self.gateway: Gateway
        self.gateway, self.watch = cache.connect(peer.name, now())
        self.ended = False
        self.fault = ""  # why the stream is ended
        self._subscriptions: dict[str, Subscription] = {}
        self._retry = ListenerRetry(self.gateway, self._subscriptions, self.watch.set)
        self._hold = RouteHold(self.gateway, self.watch.set) if serves_envoys else None
        # Agents, and Envoys that connect again, request this last; a new Envoy without listeners never does.
        self._starts_with = ROUTES

    async def read(self, requests: AsyncIterator[DeltaDiscoveryRequest]) -> None:
        try:
            async for request in requests:
                self._take(request)
        except TooMuch as error:
            self.fault = str(error)
        finally:
            self.ended = True
            self._retry.cancel()
            for release in self._releases:
                release.cancel()
            if self._hold:
                self._hold.cancel()
            self.watch.set()

    def _take(self, request: DeltaDiscoveryRequest) -> None:
        if request.type_url not in ORDER:
            return  # there are no resources of this type
        if self._hold and request.node.locality.zone:
            self.gateway.restart_epoch = int(request.node.locality.zone.rpartition(".")[2])  # see `launch.py`
        first = request.type_url not in self._subscriptions
        if first:
            if request.type_url == LISTENER and self._hold and not request.initial_resource_versions:
                self._starts_with = LISTENER
            withheld = frozenset() if self._peer.is_on_this_machine else _WITHHELD.get(request.type_url, frozenset())
            applied_as_one = self._hold is not None and request.type_url == ROUTES
            self._subscriptions[request.type_url] = Subscription(
                request.type_url, withheld=withheld, applied_as_one=applied_as_one
            )
        subscription = self._subscriptions[request.type_url]
        if request.response_nonce:
            self._answer(subscription, request)
        if first or request.resource_names_subscribe or request.resource_names_unsubscribe:
            has = dict(request.initial_resource_versions) if first else {}  # later ones mean nothing
            _check_limits(subscription, request.resource_names_subscribe, has)
            subscription.request(request.resource_names_subscribe, request.resource_names_unsubscribe, has, first=first)
            if has and self._drain and request.type_url in _TARGETS:
                self._retain(subscription, has)
            for name, version in has.items():
                self.gateway.acknowledged[request.type_url, name] = version
            keys = {(request.type_url, name) for name in request.resource_names_subscribe if name != WILDCARD}
            # `keys - acknowledged.keys()` would go through all resources.
            self.gateway.awaited |= {key for key in keys if key not in self.gateway.acknowledged}
            for name in request.resource_names_unsubscribe:  # the gateway drops them
                self.gateway.acknowledged.pop((request.type_url, name), None)
                self.gateway.rejected.pop((request.type_url, name), None)
                self.gateway.awaited.discard((request.type_url, name))
            self.watch.set()
        starts = not self.gateway.started and self._starts_with in self._subscriptions
        self.gateway.started |= starts
        if starts or request.node.id or request.initial_resource_versions:
            # A reconnecting gateway that has everything is sent nothing, so no ACK would wake the observers.
            self._cache.tell_observers()

    def _retain(self, subscription: Subscription, has: Mapping[str, str]) -> None:
        def release() -> None:
            subscription.release()
            self.watch.set()

        # Without the certificate of the gateway, the agent closes the listeners for TLS, which must not wait.
        targets = {name: version for name, version in has.items() if name != GATEWAY_SECRET}
        if subscription.retain(targets, self._cache.get_resources(subscription.type_url)):
            self._releases.append(asyncio.get_running_loop().call_later(self._drain, release))

    def _answer(self, subscription: Subscription, request: DeltaDiscoveryRequest) -> None:
        error = request.error_detail.message if request.HasField("error_detail") else None
        if subscription.answer(self.gateway, request.response_nonce, error):
            self.gateway.updates -= 1
            # A rejected listener is logged once, by services/publishing/listeners.py.
            if error is not None and request.type_url != LISTENER:
                text = error[:MAX_LOGGED]
                log.error("gateway rejected resources", gateway=self.gateway.id, type=request.type_url, error=text)
                self.watch.set()  # something may be sent again
            if request.type_url == LISTENER:
                self._retry.take_answer()
            if request.type_url == CLUSTER and self._hold:
                self._hold.take_answer()
            self._cache.tell_observers()

    def take_updates(self) -> list[tuple[str, Update]]:
        """
        Return the updates to send now, by type URL; each resource comes before those that refer to it.

        They become messages one by one, so that a gateway that reads slowly costs little memory.
        """
        updates = []
        for type_url in ORDER:
            # Taken even without a subscription: a new one is compared with all resources.
            subscription, names = self._subscriptions.get(type_url), self.watch.take(type_url)
            current = self._cache.get_resources(type_url)
            if self._hold and type_url == ROUTES:
                names = self._hold.release(names, current)
            for update in subscription.take_updates(current, names) if subscription else ():
                self.gateway.unanswered.update(((type_url, r.name), update.nonce) for r in update.resources)
                self.gateway.updates += 1
                updates.append((type_url, update))
        return updates


def _check_limits(subscription: Subscription, names: Collection[str], has: Mapping[str, str]) -> None:
    """Raise TooMuch if a gateway names more resources than the limits allow."""
    if len(subscription.names) + len(names) > MAX_NAMES or len(subscription.sent) + len(has) > MAX_NAMES:
        raise TooMuch(f"It names more than {MAX_NAMES:,} resources of one type.")
    if any(len(name) > LONGEST_NAME for name in (*names, *has, *has.values())):
        raise TooMuch(f"A name or version has more than {LONGEST_NAME:,} characters.")


def _build_response(type_url: str, update: Update, now: datetime) -> DeltaDiscoveryResponse:
    return DeltaDiscoveryResponse(
        type_url=type_url,
        nonce=update.nonce,
        removed_resources=update.removed,
        resources=[_build_resource(type_url, resource, now) for resource in update.resources],
    )


def _build_resource(type_url: str, resource: Resource, now: datetime) -> WireResource:
    message = WireResource(
        name=resource.name, version=resource.version, resource=Any(type_url=type_url, value=resource.body)
    )
    if resource.expires_at is not None:
        lifetime = resource.expires_at - now
        message.ttl.FromTimedelta(max(lifetime, _SHORTEST_LIFE))
    return message


async def serve(address: str, *services: Register) -> grpc.aio.Server:
    """
    Start *services*, given by the functions that register them, on *address* (`unix:PATH`).

    Messages have no size limit, because a reconnecting gateway with 60,000 clusters sends all their names and versions
    in one message. A gateway that stops answering is disconnected after SILENT_AFTER plus ANSWERS_WITHIN.
    """
    server = grpc.aio.server(options=SERVER_OPTIONS)
    for register in services:
        register(server)
    server.add_insecure_port(address)
    await server.start()
    if address.startswith("unix:"):
        _close_to_others(Path(address.removeprefix("unix:")))
    return server


def _close_to_others(socket: Path) -> None:
    socket.chmod(0o600)


async def keep_serving(address: str, *services: Register) -> None:
    """Start *services* as `serve` does, and run them until cancelled."""
    server = await serve(address, *services)
    try:
        await server.wait_for_termination()
    finally:
        await server.stop(0)
