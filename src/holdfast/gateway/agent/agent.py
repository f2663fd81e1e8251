"""
The agent's parts, connected: a control plane on one side, an Envoy on the other, and a cache in between.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime
from pathlib import Path

import grpc.aio

from holdfast.gateway.agent.access_logs import AccessLogForwarder
from holdfast.gateway.agent.expiry import Expiries
from holdfast.gateway.agent.last_known_good import LastKnownGood
from holdfast.gateway.agent.reporter import Reporter
from holdfast.gateway.agent.upstream import Upstream
from holdfast.gateway.control.client import ControlClient
from holdfast.gateway.control.probes import EnvoyProbes
from holdfast.gateway.discovery.ads import DiscoveryService, serve
from holdfast.gateway.discovery.cache import Cache
from holdfast.gateway.peer import Peer
from holdfast.gateway.process.envoy import EnvoyProcess

DISCOVERY_SOCKET = "discovery"  # in the publisher's data directory, which contains that of the local gateway
LONGEST_RECONNECT = 1000  # milliseconds until gRPC tries to connect again; `Upstream` waits between streams
SILENT_AFTER, ANSWERS_WITHIN = 5000, 5000  # milliseconds until a silent control plane is pinged; for its answer


def open_channel(address: str) -> grpc.aio.Channel:
    """Return a channel to the control plane at *address* (`unix:PATH`)."""
    options = [
        ("grpc.max_send_message_length", -1),
        ("grpc.max_receive_message_length", -1),
        ("grpc.initial_reconnect_backoff_ms", 100),
        ("grpc.min_reconnect_backoff_ms", 100),
        ("grpc.max_reconnect_backoff_ms", LONGEST_RECONNECT),
        ("grpc.keepalive_time_ms", SILENT_AFTER),
        ("grpc.keepalive_timeout_ms", ANSWERS_WITHIN),
        ("grpc.http2.max_pings_without_data", 0),  # unlimited; the default is two
    ]
    return grpc.aio.insecure_channel(address, options=options)


@asynccontextmanager
async def run_agent(
    name: str,
    directory: Path,
    process: EnvoyProcess,
    control_plane: str,
    now: Callable[[], datetime],
    on_stale: Callable[[datetime | None], None],
) -> AsyncIterator[None]:
    """
    Run the gateway *name* until the block ends; Envoy keeps running.

    *directory* has the state that it serves until it reaches the *control_plane*; *on_stale* is called as described in
    `Upstream`.
    """
    cache, stored = Cache({name: process.warming}), LastKnownGood(directory, now)
    expiries = Expiries(cache, now)
    upstream = Upstream(cache, name, now, expiries, stored.save, on_stale)
    if last := await asyncio.to_thread(stored.read):
        upstream.restore(last.resources)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(stored.close)
        channel = await stack.enter_async_context(open_channel(control_plane))
        forwarder = AccessLogForwarder(channel)
        reporter = Reporter(
            cache,
            process,
            now,
            stale_since=lambda: upstream.stale_since,
            state_problem=lambda: stored.problem,
            lost_reports=lambda: forwarder.lost,
        )
        control = ControlClient(EnvoyProbes(cache, process.probe_socket), reporter.build)
        discovery = DiscoveryService(lambda _: Peer(name), lambda _: cache, now)
        server = await serve(f"unix:{process.sockets / 'ads'}", discovery.register, forwarder.register)
        stack.push_async_callback(server.stop, 0)
        await process.start()
        async with asyncio.TaskGroup() as tasks:
            work = (
                process.keep(),
                expiries.follow(),
                upstream.follow(channel),
                control.keep(channel),
                forwarder.follow(),
            )
            running = [tasks.create_task(each) for each in work]
            yield
            for task in running:
                task.cancel()
