"""
Channels from an agent to control planes, over a unix socket or mutual TLS; the first one of several that connects;
and why one doesn't.
"""

import asyncio
import re
from collections.abc import Iterable, Mapping, Sequence

import grpc
import grpc.aio

from holdfast.gateway.agent.membership import Membership
from holdfast.gateway.remote.tls import make_channel_credentials
from holdfast.network.addresses import Address
from holdfast.network.sockets import format_address

CONNECTS_WITHIN = 10_000  # milliseconds
# Milliseconds until gRPC tries to connect again, elsewhere and over a unix socket; `Upstream` waits between streams.
LONGEST_RECONNECT, LONGEST_LOCAL_RECONNECT = 1000, 250
SILENT_AFTER, ANSWERS_WITHIN = 3000, 3000  # milliseconds until a silent control plane is pinged; for its answer
NEXT_AFTER = 0.25  # seconds until the next address is tried, too: "Connection Attempt Delay" in RFC 8305, section 5
OPTIONS: list[tuple[str, int | str]] = [
    ("grpc.max_send_message_length", -1),
    ("grpc.max_receive_message_length", -1),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", CONNECTS_WITHIN),  # in spite of its name, how long one attempt may take
    ("grpc.max_reconnect_backoff_ms", LONGEST_RECONNECT),
    ("grpc.keepalive_time_ms", SILENT_AFTER),
    ("grpc.http2.ping_timeout_ms", ANSWERS_WITHIN),
    ("grpc.http2.max_pings_without_data", 0),  # unlimited; the default is two
    ("grpc.enable_http_proxy", 0),  # joining uses none either, and a proxy of the environment may be for something else
]
# The socket of the publisher with the same data directory. It is missing, or nothing listens there.
_NO_PUBLISHER = re.compile(r"unix:.*(No such file or directory|Connection refused)")


def open_local_channel(address: str) -> grpc.aio.Channel:
    """Return a channel to `unix:PATH`."""
    options = dict(OPTIONS) | {"grpc.max_reconnect_backoff_ms": LONGEST_LOCAL_RECONNECT}
    return grpc.aio.insecure_channel(address, options=list(options.items()))


def open_remote_channel(membership: Membership, address: Address | None = None) -> grpc.aio.Channel:
    """
    Return a channel to a discovery service, which must have a certificate of the gateways' CA.

    *address* is where the gateway joined if it is None.
    """
    options = [*OPTIONS, ("grpc.ssl_target_name_override", membership.server_name)]
    credentials = make_channel_credentials(membership.credential)
    return grpc.aio.secure_channel(format_address(address or membership.discovery), credentials, options=options)


async def open_first_channel(membership: Membership, addresses: Sequence[Address]) -> tuple[grpc.aio.Channel, Address]:
    """
    Return the first channel that is connected, and its address; one that failed, if all do: its streams say why.

    *addresses* are tried in their order, the next one as soon as one fails, or after NEXT_AFTER seconds.
    """
    channels = {address: open_remote_channel(membership, address) for address in addresses}
    chosen: Address | None = None
    try:
        chosen = await _find_first(channels)
        await _close(channel for address, channel in channels.items() if address != chosen)
    except BaseException:
        await _close(channels.values())
        raise
    return channels[chosen], chosen


async def _close(channels: Iterable[grpc.aio.Channel]) -> None:
    await asyncio.gather(*(channel.close(None) for channel in channels))


async def _find_first(channels: Mapping[Address, grpc.aio.Channel]) -> Address:
    """Return the address of the first channel that connects, or of the one that failed last."""
    waiting = list(channels)
    running: dict[asyncio.Task[bool], Address] = {}
    try:
        while True:
            if waiting:
                address = waiting.pop(0)
                running[asyncio.create_task(_does_connect(channels[address]))] = address
            seconds = NEXT_AFTER if waiting else None
            done, _ = await asyncio.wait(running, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            for attempt in done:
                address = running.pop(attempt)
                if attempt.result() or not (waiting or running):
                    return address
    finally:
        for attempt in running:
            attempt.cancel()


async def _does_connect(channel: grpc.aio.Channel) -> bool:
    """Connect, and return whether that succeeds."""
    while (state := channel.get_state(try_to_connect=True)) is not grpc.ChannelConnectivity.READY:
        if state is grpc.ChannelConnectivity.TRANSIENT_FAILURE:
            return False
        await channel.wait_for_state_change(state)
    return True


def explain_failure(details: str) -> str:
    """Return why the control plane can't be reached, from gRPC's *details*."""
    if _NO_PUBLISHER.search(details):
        return (
            "No publisher is running with this data directory. Start it with `holdfast up`, or let this gateway join "
            "one on another machine with `holdfast gateway join`."
        )
    return details
