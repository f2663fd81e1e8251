"""
The connection to a control plane: an incremental xDS client that keeps a cache up to date.

An update is acknowledged when this gateway's Envoy uses it and it is stored, so that an ACK means "in force here".
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from datetime import datetime, timedelta

import grpc.aio
import structlog
from envoy.service.discovery.v3.ads_pb2_grpc import AggregatedDiscoveryServiceStub
from envoy.service.discovery.v3.discovery_pb2 import DeltaDiscoveryRequest, DeltaDiscoveryResponse
from envoy.service.discovery.v3.discovery_pb2 import Resource as WireResource

from holdfast.gateway.agent.acknowledgement import Acknowledgements
from holdfast.gateway.agent.callers_tls import CallersTls
from holdfast.gateway.agent.channels import explain_failure
from holdfast.gateway.agent.expiry import Expiries
from holdfast.gateway.agent.in_force import EnvoyProgress, State
from holdfast.gateway.agent.rejections import Rejections
from holdfast.gateway.agent.storing import Save, UnstoredResources, save_nothing
from holdfast.gateway.agent.tokens import Tokens
from holdfast.gateway.discovery.ads import ORDER
from holdfast.gateway.discovery.cache import Cache, ResourceKey
from holdfast.gateway.discovery.subscription import NOT_IN_FORCE
from holdfast.gateway.probing.constants import PREFIX
from holdfast.gateway.receiving import receive
from holdfast.gateway.resources.resource import Resource

log = structlog.get_logger()
# Seconds between attempts to connect. Longer pauses would delay the start of a publisher with thousands of APIs; if the
# control plane is elsewhere, `RemoteControlPlane` waits, too.
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 0.5
# A publisher that is starting isn't a problem yet. Refusals, such as of a revoked certificate, are logged at once.
REJECTIONS = {grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.UNAUTHENTICATED}
PASSING, PASSES_WITHIN = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.INTERNAL}, timedelta(seconds=5)
SETTLES_WITHIN = 5.0  # seconds for Envoy to use what is stored, before the control plane is asked for differences
_END = "end of the initial state"  # no resource has this name, so its removal follows all resources of a type


class Upstream:
    """Follows a control plane. Lives on one event loop."""

    def __init__(
        self,
        cache: Cache,
        node: str,
        now: Callable[[], datetime],
        in_force: EnvoyProgress,
        expiries: Expiries,
        save: Save = save_nothing,
        on_stale: Callable[[datetime | None], None] = lambda _: None,
        adapt: Callable[[Resource], Resource] = lambda resource: resource,
        callers_tls: CallersTls | None = None,
        on_loss: Callable[[], None] = lambda: None,
        on_problem: Callable[[str, bool], None] = lambda *_: None,
        tokens: Tokens | None = None,
    ) -> None:
        """
        *save* stores changed and removed resources; it returns once a power failure couldn't lose them.

        *on_stale* is called with the time when the control plane was lost, and with None when it is back.

        *adapt* returns a resource as this gateway serves it, with the same version. *callers_tls* decides which
        listeners it can serve; None: those for which the control plane sends a certificate.

        *on_loss* is called whenever the control plane has ended or rejected a stream, and *on_problem* whenever the
        reason for that changes: with the reason, empty if connected, and whether this gateway was rejected.

        *tokens* gets the access tokens that Envoy needs.
        """
        self._cache = cache
        self._in_force = in_force
        self._expiries = expiries
        self._node = node
        self._now = now
        self._storing = UnstoredResources(save)
        self._on_stale = on_stale
        self._adapt = adapt
        self._callers_tls = callers_tls or CallersTls(cache)
        self._tokens = tokens
        self._on_loss = on_loss
        self._on_problem = on_problem
        self._complete: set[str] = set()  # types of which everything was received, or restored
        self._rejections = Rejections(cache, in_force, now, self._return_to)
        self._problem: str | None = None  # why there was no connection the last time
        self._stale_since: datetime | None = now()

    def restore(self, resources: Iterable[Resource]) -> None:
        """Serve *resources*, which an earlier process received."""
        self._complete.update(ORDER)
        self._apply(resources)

    @property
    def is_complete(self) -> bool:
        """Whether this gateway has received or restored everything that it serves at first."""
        return self._complete.issuperset(ORDER)

    @property
    def stale_since(self) -> datetime | None:
        """Since when there has been no control plane; None: connected."""
        return self._stale_since

    @stale_since.setter
    def stale_since(self, since: datetime | None) -> None:
        if since != self._stale_since:
            self._stale_since = since
            self._on_stale(since)

    async def follow(self, channel: grpc.aio.Channel) -> None:
        """Apply what the control plane sends, and connect again whenever the stream ends, until cancelled."""
        pause = FIRST_PAUSE
        while True:
            await self._wait_until_envoy_runs()
            if await self._run(channel):
                pause = FIRST_PAUSE
            # Gateways that lost their control plane at the same moment must not return at the same moment.
            await asyncio.sleep(pause * random.uniform(0.5, 1))  # noqa: S311
            pause = min(pause * 2, LONGEST_PAUSE)

    async def fill(self, channel: grpc.aio.Channel) -> bool:
        """
        Receive and store everything once, acknowledging nothing; return whether the control plane sent it all.

        For an Envoy that already runs when there is no stored state: with an empty cache, this gateway would remove
        everything from it.
        """
        stream = AggregatedDiscoveryServiceStub(channel).DeltaAggregatedResources()
        resources, incomplete = [], set(ORDER)
        try:
            for type_url in ORDER:
                request = DeltaDiscoveryRequest(type_url=type_url, resource_names_subscribe=["*", _END])
                request.node.id = self._node
                await stream.write(request)
            async for response in receive(stream):
                resources += [_read(response.type_url, resource, self._now()) for resource in response.resources]
                if _END in response.removed_resources:
                    incomplete.discard(response.type_url)
                if not incomplete:
                    break
        except (grpc.aio.AioRpcError, asyncio.InvalidStateError):
            return False
        finally:
            stream.cancel()
        if not incomplete:
            await self._storing.store(resources)
            self.restore(resources)
        return not incomplete

    async def _wait_until_envoy_runs(self) -> None:
        """
        Wait until Envoy uses its initial state, and, within limits, until it has confirmed all resources.

        Without a running Envoy nothing is in force, so there is nothing to tell a control plane.
        """
        observer = self._cache.observe()
        try:
            while not self._in_force.envoys:
                observer.clear()
                await observer.wait()
            with suppress(TimeoutError):
                async with asyncio.timeout(SETTLES_WITHIN):
                    while any(envoy.unanswered for envoy in self._in_force.envoys):
                        observer.clear()
                        await observer.wait()
        finally:
            self._cache.stop_observing(observer)

    async def _run(self, channel: grpc.aio.Channel) -> bool:
        """Run one stream until it or Envoy ends; return whether the control plane answered."""
        stream = AggregatedDiscoveryServiceStub(channel).DeltaAggregatedResources()
        acknowledgements = Acknowledgements(self._cache, self._in_force, self._rejections)
        answering = asyncio.create_task(self._answer(acknowledgements, stream.write))
        # Without an Envoy, nothing is in force, so the control plane must not count this gateway.
        answering.add_done_callback(lambda _: stream.cancel())
        is_connected = False
        try:
            async for response in receive(stream):
                if not is_connected:
                    is_connected, self.stale_since, self._problem = True, None, None
                    self._on_problem("", False)
                    log.info("connected to the control plane", gateway=self._node)
                self._take(response, acknowledgements)
        except grpc.aio.AioRpcError as error:
            why = explain_failure(error.details() or str(error.code()))
            if not self._may_pass(error.code()):
                self._on_problem(why, error.code() in REJECTIONS)
            if is_connected:
                log.warning("lost the control plane", gateway=self._node, why=why)
            elif why != self._problem and not self._may_pass(error.code()):
                # Once, however often it is tried.
                log.warning("can't reach the control plane", gateway=self._node, why=why)
                self._problem = why
            self._on_loss()
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if not answering.done() or (task and task.cancelling()):  # both, if Envoy and the agent end at once
                raise
            why = "Envoy was replaced" if self._in_force.envoys else "Envoy isn't running"
            log.warning("left the control plane", gateway=self._node, why=why)
        finally:
            answering.cancel()
            stream.cancel()
            self.stale_since = self.stale_since or self._now()
        return is_connected

    def _may_pass(self, code: grpc.StatusCode) -> bool:
        return code in PASSING and self.stale_since is not None and self._now() - self.stale_since < PASSES_WITHIN

    def _build_first_requests(self) -> Iterable[DeltaDiscoveryRequest]:
        unsettled_keys = [*self._storing.keys, *self._in_force.find_removed()]
        for type_url in ORDER:
            request = DeltaDiscoveryRequest(type_url=type_url, resource_names_subscribe=["*", _END])
            request.node.id = self._node
            here = {**self._cache.get_resources(type_url), **self._callers_tls.list_waiting(type_url)}
            versions = {name: resource.version for name, resource in here.items() if self._is_in_force(resource)}
            names = dict.fromkeys([*here, *(name for kind, name in unsettled_keys if kind == type_url)], NOT_IN_FORCE)
            for name, version in (names | versions).items():
                if not self._is_own((type_url, name)):
                    request.initial_resource_versions[name] = version
            yield request

    def _is_own(self, key: ResourceKey) -> bool:
        """Return whether a resource is only here: the control plane doesn't know it, and would remove it."""
        return key[1].startswith(PREFIX) or self._callers_tls.is_own(key) or Tokens.is_own(key)

    def _is_in_force(self, resource: Resource) -> bool:
        key = (resource.type_url, resource.name)
        is_used = self._in_force.find_progress(key, resource.version).state in {State.IN_FORCE, State.UNUSED}
        return is_used and key not in self._storing.keys

    def _take(self, response: DeltaDiscoveryResponse, acknowledgements: Acknowledgements) -> None:
        resources = [_read(response.type_url, resource, self._now()) for resource in response.resources]
        # A control plane that is connected again sends once more what was rejected.
        upserts = [
            resource
            for resource in resources
            if not self._callers_tls.is_own(key := (resource.type_url, resource.name))
            and not Tokens.is_own(key)
            and not self._rejections.find(key, resource.version)
        ]
        removals = [(response.type_url, name) for name in response.removed_resources if name != _END]
        if _END in response.removed_resources:
            self._complete.add(response.type_url)
        self._rejections.remember(upserts, removals)
        # Storing and applying take place at the same time; the ACK waits for both.
        acknowledgements.expect(response, self._storing.store(upserts, removals))
        self._apply([upsert for upsert in upserts if not self._has(upsert)], removals)
        self._cache.tell_observers()

    def _return_to(self, resource: Resource) -> None:
        self._storing.store([resource])
        self._apply([resource])

    def _apply(self, upserts: Iterable[Resource], removals: Iterable[ResourceKey] = ()) -> None:
        own_upserts: Iterable[Resource] = map(self._adapt, upserts)
        gone = removals
        if self._tokens:
            own_upserts, gone = self._tokens.admit(own_upserts, removals)
        self._cache.apply(*self._callers_tls.admit(own_upserts, gone))
        self._expiries.watch(upserts)

    def _has(self, resource: Resource) -> bool:
        current = self._cache.get(resource.type_url, resource.name)
        return current is not None and current.version == resource.version

    async def _answer(
        self, acknowledgements: Acknowledgements, write: Callable[[DeltaDiscoveryRequest], Awaitable[None]]
    ) -> None:
        """
        Subscribe, and send ACKs and NACKs when they are due, as long as an Envoy runs.

        The stream also ends when a successor of an Envoy that rejected something runs: the control plane then sends it
        once more.
        """
        observer, epoch = self._cache.observe(), self._in_force.restart_epoch
        try:
            for request in self._build_first_requests():
                await write(request)
            while self._in_force.envoys:
                if self._in_force.restart_epoch > epoch and self._rejections.forget_all():
                    return
                observer.clear()
                for request in acknowledgements.take_due():
                    await write(request)
                await observer.wait()
        except (grpc.aio.AioRpcError, asyncio.InvalidStateError):
            await asyncio.Event().wait()  # the stream has ended, which `_run` reports
        finally:
            self._cache.stop_observing(observer)


def _read(type_url: str, wire: WireResource, now: datetime) -> Resource:
    expires_at = now + wire.ttl.ToTimedelta() if wire.HasField("ttl") else None
    return Resource(type_url, wire.name, wire.version, wire.resource.value, expires_at)
