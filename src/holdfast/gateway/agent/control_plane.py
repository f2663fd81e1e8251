"""
The control plane of an agent: on this machine, over a unix socket, or elsewhere, over mutual TLS.
"""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

import grpc.aio
import structlog

from holdfast.gateway.agent.membership import Membership, make_request, write_membership
from holdfast.gateway.remote.renewal import RenewalFailed, request_renewal
from holdfast.gateway.remote.tls import channel_credentials
from holdfast.network.sockets import format_address

log = structlog.get_logger()
CONNECTS_WITHIN = 10_000  # milliseconds
LONGEST_RECONNECT = 1000  # milliseconds until gRPC tries to connect again; `Upstream` waits between streams
SILENT_AFTER, ANSWERS_WITHIN = 5000, 5000  # milliseconds until a silent control plane is pinged; for its answer
RETRY_AFTER = 60.0  # seconds between attempts to renew; the publisher rejects more frequent ones
LONGEST_SLEEP = 60.0  # seconds: clocks are adjusted, and machines are suspended
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


class ControlPlane(Protocol):
    """Connections of an agent to its control plane."""

    def open_channel(self) -> grpc.aio.Channel:
        """Return a channel, with the certificate that is current."""

    async def until_outdated(self, channel: grpc.aio.Channel) -> None:
        """Wait until another channel must replace *channel*."""


@dataclass(frozen=True, slots=True)
class LocalControlPlane:
    """The control plane on this machine; *address* is `unix:PATH`."""

    address: str

    def open_channel(self) -> grpc.aio.Channel:
        """Return a channel."""
        return grpc.aio.insecure_channel(self.address, options=OPTIONS)

    async def until_outdated(self, _channel: grpc.aio.Channel) -> None:
        """Wait forever."""
        await asyncio.Event().wait()


class RemoteControlPlane:
    """The publisher that this gateway is a member of; renews the certificate in the directory."""

    def __init__(self, directory: Path, membership: Membership, now: Callable[[], datetime]) -> None:
        self._directory = directory
        self._membership = membership
        self._now = now
        # Gateways that joined at the same time needn't renew at the same time.
        self._part = random.uniform(0.62, 0.67)  # noqa: S311

    def open_channel(self) -> grpc.aio.Channel:
        """Return a channel; log an error if the certificate has expired."""
        _, not_after = self._membership.validity
        if not_after <= self._now():
            log.error(
                "the gateway's certificate has expired; create a token with `holdfast gateway enroll` and join again",
                gateway=self._membership.name,
                expired=not_after.isoformat(),
            )
        return open_remote_channel(self._membership)

    async def until_outdated(self, channel: grpc.aio.Channel) -> None:
        """Wait until two thirds of the certificate's life are over, and renew it."""
        while True:
            await self._until_due()
            request = make_request()
            try:
                renewal = await request_renewal(channel, request.csr)
                membership = self._membership.renewed(request.key, renewal)
                await asyncio.to_thread(write_membership, self._directory, membership)
            except (RenewalFailed, OSError, ValueError) as error:
                log.warning("the gateway's certificate wasn't renewed", gateway=self._membership.name, why=str(error))
                await asyncio.sleep(RETRY_AFTER)
            else:
                self._membership = membership
                expires = membership.validity[1]
                log.info("the gateway's certificate was renewed", gateway=membership.name, expires=expires.isoformat())
                return

    async def _until_due(self) -> None:
        not_before, not_after = self._membership.validity
        due = not_before + (not_after - not_before) * self._part
        while True:
            left = (due - self._now()).total_seconds()
            if left <= 0:
                return
            await asyncio.sleep(min(left, LONGEST_SLEEP))


def open_remote_channel(membership: Membership) -> grpc.aio.Channel:
    """Return a channel to the discovery service, which must have a certificate of the gateways' CA."""
    options = [*OPTIONS, ("grpc.ssl_target_name_override", membership.server_name)]
    credentials = channel_credentials(membership.credential)
    return grpc.aio.secure_channel(format_address(membership.discovery), credentials, options=options)
