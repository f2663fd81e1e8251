"""
The agent's parts, connected: a control plane on one side, an Envoy on the other, and a cache in between.
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager, closing
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from holdfast.apis.gateways.gateway import is_local_gateway
from holdfast.gateway.agent.access_logs import AccessLogForwarder
from holdfast.gateway.agent.callers_tls import OPTIONS_OF_PUBLISHER, OWN_OPTIONS, CallersTls
from holdfast.gateway.agent.control_plane import ControlPlane, keep_connected
from holdfast.gateway.agent.expiry import Expiries
from holdfast.gateway.agent.in_force import EnvoyProgress, State
from holdfast.gateway.agent.last_known_good import LastKnownState
from holdfast.gateway.agent.member_watch import MemberWatch
from holdfast.gateway.agent.monitoring import Monitoring
from holdfast.gateway.agent.open_listeners import OpenListeners
from holdfast.gateway.agent.own_addresses import GROUP_ADDRESSES, OwnAddresses, find_unused, use_own_addresses
from holdfast.gateway.agent.reporter import Reporter
from holdfast.gateway.agent.tokens import Tokens
from holdfast.gateway.agent.upstream import Upstream
from holdfast.gateway.control.client import ControlClient
from holdfast.gateway.control.probes import EnvoyProbes
from holdfast.gateway.discovery.ads import ORDER, DiscoveryService, serve
from holdfast.gateway.discovery.cache import Cache
from holdfast.gateway.members.event_file import EventFile
from holdfast.gateway.peer import Peer
from holdfast.gateway.process.admin_http import reopen_logs
from holdfast.gateway.process.detached import DetachedProcess
from holdfast.gateway.process.envoy import EnvoyProcess
from holdfast.gateway.resources.constants import CERTIFICATES, MEMBER_EVENTS, REJECTED_TOKENS
from holdfast.gateway.resources.resource import LISTENER, Resource
from holdfast.gateway.telemetry.access_log_file import AccessLogFile
from holdfast.gateway.traffic.metrics_service import MetricsService
from holdfast.gateway.traffic.recorder import TrafficRecorder
from holdfast.gateway.traffic.totals import Totals

if TYPE_CHECKING:
    from holdfast.network.presented_files import GatewayCertificate

log = structlog.get_logger()
READY_AGAIN = 0.2  # seconds between two looks whether Envoy uses everything
FILL_AGAIN = 0.5  # seconds until an incomplete initial state is requested again
DISCOVERY_SOCKET = "discovery"  # in the publisher's data directory, which contains that of the local gateway


@asynccontextmanager
async def run_agent(
    name: str,
    directory: Path,
    process: EnvoyProcess,
    control_plane: ControlPlane,
    now: Callable[[], datetime],
    on_stale: Callable[[datetime | None], None],
    addresses: OwnAddresses = GROUP_ADDRESSES,
    certificate: "GatewayCertificate | None" = None,
    on_problem: Callable[[str, bool], None] = lambda *_: None,
    monitoring_sockets: Iterable[socket.socket] = (),
) -> AsyncIterator[Callable[[], Awaitable[bool]]]:
    """
    Run the gateway *name* until the block ends; Envoy keeps running.

    Yields a function that waits until Envoy uses everything that this gateway serves at first, and returns whether
    there is a control plane then.

    *directory* has the state that it serves until it reaches the *control_plane*; *on_stale* and *on_problem* are
    called as described in `Upstream`. Listeners use *addresses*, where they differ from those of the gateway's group.
    *certificate* is presented to callers; None: the one that the publisher on this machine sends. Health checks and
    metrics are answered on *monitoring_sockets*.
    """
    cache, last_known_good = Cache({name: process.list_warming}), LastKnownState(directory, now)
    expiries = Expiries(cache, now, lambda: upstream.stale_since is None)
    telemetry = process.telemetry

    def adapt(resource: Resource) -> Resource:
        return telemetry.add_to(use_own_addresses(resource, addresses), process.sockets)

    access_log, reopen = None, partial(reopen_logs, process.admin_socket)
    if telemetry.access_log:
        access_log = AccessLogFile(telemetry.access_log, process.sockets, reopen)
        await asyncio.to_thread(access_log.prepare)
    callers_tls = CallersTls(cache, certificate, OPTIONS_OF_PUBLISHER if is_local_gateway(name) else OWN_OPTIONS)
    listeners = OpenListeners(cache)
    in_force = EnvoyProgress(cache, listeners)
    report_soon = asyncio.Event()
    tokens = Tokens(cache, process.probe_socket, now, last_known_good.save, report_soon.set)
    upstream = Upstream(
        cache,
        name,
        now,
        in_force,
        expiries,
        last_known_good.save,
        on_stale,
        adapt,
        callers_tls,
        control_plane.lose,
        on_problem,
        tokens,
    )
    if last := await asyncio.to_thread(last_known_good.read):
        upstream.restore(last.resources)
    elif envoy := process.left_running:
        await _fill(upstream, control_plane, DetachedProcess(envoy.pid, envoy.started))
    async with AsyncExitStack() as stack:
        stack.push_async_callback(last_known_good.close)
        stack.push_async_callback(tokens.close)
        # An Envoy that is running has counted before, and an agent without a file doesn't know what.
        is_new = process.left_running is None
        totals = Totals(now) if telemetry.metrics else None
        traffic = await asyncio.to_thread(
            partial(TrafficRecorder, directory, process.admin_socket, now, is_new=is_new, totals=totals)
        )
        stack.push_async_callback(traffic.close)
        events = stack.enter_context(closing(EventFile(process.sockets / MEMBER_EVENTS, reopen)))
        member_watch = MemberWatch(events, process, cache, in_force)
        await member_watch.prepare()
        forwarder = AccessLogForwarder({CERTIFICATES: traffic.certificates.take, REJECTED_TOKENS: tokens.take})
        reporter = Reporter(
            cache,
            process,
            now,
            stale_since=lambda: upstream.stale_since,
            state_problem=lambda: last_known_good.problem,
            lost_reports=lambda: forwarder.lost_messages,
            tls_problems=lambda: callers_tls.find_problems(now()),
            log_problem=lambda: access_log.problem if access_log else "",
            token_problems=lambda: tokens.problems,
            member_health=lambda: member_watch.health,
        )

        def lose_control_plane() -> None:
            # While the stream of resources is open, it notices the loss, too, and logs why.
            if upstream.stale_since is not None:
                control_plane.lose()

        probes = EnvoyProbes(cache, process.probe_socket)
        control = ControlClient(probes, reporter.build, control_plane.take, lose_control_plane, traffic, report_soon)
        peer = Peer(name, is_on_this_machine=True)
        discovery = DiscoveryService(lambda _: peer, lambda _: cache, now, serves_envoys=True)
        metrics = MetricsService(traffic.take)
        server = await serve(
            f"unix:{process.sockets / 'ads'}", discovery.register, forwarder.register, metrics.register
        )
        stack.push_async_callback(server.stop, 0)
        await process.start()
        monitoring = Monitoring(cache, in_force, reporter, now, lambda: upstream.is_complete)
        await stack.enter_async_context(monitoring.serve(monitoring_sockets))
        export = None
        if telemetry.metrics and totals:
            # Most gateways export nothing, and this loads the messages of OTLP.
            from holdfast.gateway.agent.metrics_export import MetricsExport

            export = MetricsExport(telemetry.metrics, name, totals, monitoring, now)
            stack.push_async_callback(export.close)
        async with asyncio.TaskGroup() as tasks:
            following = keep_connected(control_plane, upstream.follow, control.keep, forwarder.follow)
            work = (
                process.keep(),
                expiries.follow(),
                listeners.follow(),
                callers_tls.follow(),
                following,
                traffic.follow(),
                member_watch.follow(),
                *((access_log.follow(),) if access_log else ()),
                *((export.follow(),) if export else ()),
            )
            running = [tasks.create_task(coroutine) for coroutine in work]
            yield partial(_wait_until_ready, cache, in_force, upstream, addresses)
            for task in running:
                task.cancel()


async def _wait_until_ready(cache: Cache, in_force: EnvoyProgress, upstream: Upstream, addresses: OwnAddresses) -> bool:
    observer = cache.observe()
    try:
        while not (upstream.is_complete and _is_used(cache, in_force)):
            observer.clear()
            await observer.wait()
            await asyncio.sleep(READY_AGAIN)  # looking costs time, and Envoy confirms resource by resource
    finally:
        cache.stop_observing(observer)
    for listener in find_unused(addresses, cache.get_resources(LISTENER)):
        log.warning("own address isn't used, because the gateway's group has none for this listener", listener=listener)
    return upstream.stale_since is None


def _is_used(cache: Cache, in_force: EnvoyProgress) -> bool:
    envoys = in_force.envoys
    if not envoys or any(envoy.unanswered for envoy in envoys):  # cheap, and false while Envoy starts
        return False
    resources = (resource for type_url in ORDER for resource in cache.get_resources(type_url).values())
    used_states = {State.IN_FORCE, State.UNUSED}
    return all(
        in_force.find_progress((resource.type_url, resource.name), resource.version).state in used_states
        for resource in resources
    )


async def _fill(upstream: Upstream, control_plane: ControlPlane, envoy: DetachedProcess) -> None:
    """Wait until *upstream* has received everything, or until the Envoy that would otherwise lose its state ends."""
    waiting = [
        asyncio.create_task(_fill_until_complete(upstream, control_plane)),
        asyncio.create_task(envoy.ended.wait()),
    ]
    try:
        done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in waiting:
            task.cancel()
        envoy.release()


async def _fill_until_complete(upstream: Upstream, control_plane: ControlPlane) -> None:
    while True:
        async with await control_plane.connect() as channel:
            if await upstream.fill(channel):
                return
        await asyncio.sleep(FILL_AGAIN)
