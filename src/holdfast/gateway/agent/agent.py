"""
The agent's parts, connected: a control plane on one side, an Envoy on the other, and a cache in between.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import grpc.aio

from holdfast.apis.gateways.gateway import LOCAL_GATEWAY
from holdfast.gateway.agent.access_logs import AccessLogForwarder
from holdfast.gateway.agent.callers_tls import OPTIONS_OF_PUBLISHER, OWN_OPTIONS, CallersTls
from holdfast.gateway.agent.control_plane import ControlPlane
from holdfast.gateway.agent.expiry import Expiries
from holdfast.gateway.agent.in_force import EnvoyProgress
from holdfast.gateway.agent.last_known_good import LastKnownGood
from holdfast.gateway.agent.open_listeners import OpenListeners
from holdfast.gateway.agent.own_addresses import GROUP_ADDRESSES, OwnAddresses, use_own_addresses
from holdfast.gateway.agent.reporter import Reporter
from holdfast.gateway.agent.upstream import Upstream
from holdfast.gateway.control.client import ControlClient
from holdfast.gateway.control.probes import EnvoyProbes
from holdfast.gateway.discovery.ads import DiscoveryService, serve
from holdfast.gateway.discovery.cache import Cache
from holdfast.gateway.peer import Peer
from holdfast.gateway.process.detached import DetachedProcess
from holdfast.gateway.process.envoy import EnvoyProcess

if TYPE_CHECKING:
    from holdfast.network.presented_files import GatewayCertificate

FILL_AGAIN = 0.5  # seconds until an incomplete initial state is requested again
DISCOVERY_SOCKET = "discovery"  # in the publisher's data directory, which contains that of the local gateway
Follow = Callable[[grpc.aio.Channel], Coroutine[None, None, None]]


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
) -> AsyncIterator[None]:
    """
    Run the gateway *name* until the block ends; Envoy keeps running.

    *directory* has the state that it serves until it reaches the *control_plane*; *on_stale* is called as described in
    `Upstream`. Listeners use *addresses*, where they differ from those of the gateway's group.
    *certificate* is presented to callers; None: the one that the publisher on this machine sends.
    """
    cache, stored = Cache({name: process.warming}), LastKnownGood(directory, now)
    expiries = Expiries(cache, now)
    adapt = partial(use_own_addresses, addresses=addresses)
    callers_tls = CallersTls(cache, certificate, OPTIONS_OF_PUBLISHER if name == LOCAL_GATEWAY else OWN_OPTIONS)
    listeners = OpenListeners(cache)
    in_force = EnvoyProgress(cache, listeners)
    upstream = Upstream(cache, name, now, in_force, expiries, stored.save, on_stale, adapt, callers_tls)
    if last := await asyncio.to_thread(stored.read):
        upstream.restore(last.resources)
    elif envoy := process.left_running:
        await _fill(upstream, control_plane, DetachedProcess(envoy.pid, envoy.started))
    async with AsyncExitStack() as stack:
        stack.push_async_callback(stored.close)
        forwarder = AccessLogForwarder()
        reporter = Reporter(
            cache,
            process,
            now,
            stale_since=lambda: upstream.stale_since,
            state_problem=lambda: stored.problem,
            lost_reports=lambda: forwarder.lost,
            tls_problems=lambda: callers_tls.find_problems(now()),
        )
        control = ControlClient(EnvoyProbes(cache, process.probe_socket), reporter.build)
        discovery = DiscoveryService(lambda _: Peer(name, is_on_this_machine=True), lambda _: cache, now)
        server = await serve(f"unix:{process.sockets / 'ads'}", discovery.register, forwarder.register)
        stack.push_async_callback(server.stop, 0)
        await process.start()
        async with asyncio.TaskGroup() as tasks:
            following = _follow(control_plane, upstream.follow, control.keep, forwarder.follow)
            work = (process.keep(), expiries.follow(), listeners.follow(), callers_tls.follow(), following)
            running = [tasks.create_task(each) for each in work]
            yield
            for task in running:
                task.cancel()


async def _fill(upstream: Upstream, control_plane: ControlPlane, envoy: DetachedProcess) -> None:
    """Wait until *upstream* has received everything, or until the Envoy that would otherwise lose its state ends."""
    waiting = [asyncio.create_task(_until_filled(upstream, control_plane)), asyncio.create_task(envoy.ended.wait())]
    try:
        done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in waiting:
            task.cancel()
        envoy.release()


async def _until_filled(upstream: Upstream, control_plane: ControlPlane) -> None:
    while True:
        async with control_plane.open_channel() as channel:
            if await upstream.fill(channel):
                return
        await asyncio.sleep(FILL_AGAIN)


async def _follow(control_plane: ControlPlane, *followers: Follow) -> None:
    """Let *followers* use a channel, and begin again with another one when it must be replaced."""
    while True:
        async with control_plane.open_channel() as channel, asyncio.TaskGroup() as tasks:
            following = [tasks.create_task(follow(channel)) for follow in followers]
            await control_plane.until_outdated(channel)
            for task in following:
                task.cancel()
