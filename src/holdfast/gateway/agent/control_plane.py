"""
The control plane of an agent: on this machine, over a unix socket, or one of several elsewhere, over mutual TLS.
"""

import asyncio
import random
from collections.abc import Callable, Coroutine
from datetime import datetime
from enum import Enum, auto
from pathlib import Path
from typing import Protocol

import grpc.aio
import structlog

from holdfast.gateway.agent.channels import open_first_channel, open_local_channel
from holdfast.gateway.agent.known_control_planes import KnownControlPlanes
from holdfast.gateway.agent.membership import Membership, make_request, write_membership
from holdfast.gateway.control.client import does_accept
from holdfast.gateway.control.notices import ControlPlanes, Move, Notice
from holdfast.gateway.remote.renewal import RenewalFailed, request_renewal
from holdfast.network.addresses import Address, Addresses
from holdfast.network.sockets import format_address

log = structlog.get_logger()
Follow = Callable[[grpc.aio.Channel], Coroutine[None, None, None]]
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 5.0  # seconds until a gateway that lost its control plane connects to one, at most
RETRY_AFTER = 60.0  # seconds between attempts to renew; the publisher rejects more frequent ones
LONGEST_SLEEP = 60.0  # seconds: clocks are adjusted, and machines are suspended


class ControlPlane(Protocol):
    """Connections of an agent to its control plane, one at a time."""

    async def connect(self) -> grpc.aio.Channel:
        """Return a channel, with the certificate that is current; it may have failed, and then its streams say why."""

    async def wait_until_outdated(self, channel: grpc.aio.Channel) -> grpc.aio.Channel | None:
        """Wait until another channel must replace *channel*. Return that, if it is connected; None: connect again."""

    def lose(self) -> None:
        """Take note that the control plane has ended or rejected a stream of this gateway."""

    def take(self, notice: Notice) -> None:
        """React to a notice of the control plane."""


async def keep_connected(control_plane: ControlPlane, *followers: Follow) -> None:
    """Let *followers* use a channel, and begin again with another one when it must be replaced."""
    successor: grpc.aio.Channel | None = None
    try:
        while True:
            channel, successor = successor or await control_plane.connect(), None
            async with channel, asyncio.TaskGroup() as tasks:
                following = [tasks.create_task(follow(channel)) for follow in followers]
                successor = await control_plane.wait_until_outdated(channel)
                for task in following:
                    task.cancel()
    finally:
        if successor:  # this ended while the followers of its predecessor did
            await successor.close(None)


class LocalControlPlane:
    """The control plane on this machine; *address* is `unix:PATH`."""

    def __init__(self, address: str) -> None:
        self.address = address

    async def connect(self) -> grpc.aio.Channel:
        """Return a channel, which connects again whenever it must."""
        return open_local_channel(self.address)

    async def wait_until_outdated(self, _channel: grpc.aio.Channel) -> None:
        """Wait forever."""
        await asyncio.Event().wait()

    def lose(self) -> None:
        """Do nothing, because there is no other."""

    def take(self, notice: Notice) -> None:
        """Do nothing: notices are for gateways that can choose."""


class _Event(Enum):
    LOST = auto()
    RENEWED = auto()


class RemoteControlPlane:
    """The publisher that this gateway is a member of; renews the certificate in the directory."""

    def __init__(
        self, directory: Path, membership: Membership, now: Callable[[], datetime], seeds: Addresses = ()
    ) -> None:
        """*seeds* are addresses that the command line names."""
        self._directory = directory
        self._membership = membership
        self._now = now
        self._known = KnownControlPlanes(directory, membership.discovery, seeds)
        self._address: Address | None = None  # of the current channel
        self._connected_at = 0.0
        self._pause = 0.0
        self._events: asyncio.Queue[_Event | Notice] = asyncio.Queue()
        # Gateways that joined at the same time needn't renew at the same time.
        self._part = random.uniform(0.62, 0.67)  # noqa: S311

    def lose(self) -> None:
        """Look for another control plane."""
        self._events.put_nowait(_Event.LOST)

    def take(self, notice: Notice) -> None:
        """React to a notice of the control plane."""
        self._events.put_nowait(notice)

    async def connect(self) -> grpc.aio.Channel:
        """Return a channel; log an error if the certificate has expired."""
        _, not_after = self._membership.validity
        if not_after <= self._now():
            log.error(
                "the gateway's certificate has expired; create a token with `holdfast gateway enroll` and join again",
                gateway=self._membership.name,
                expired=not_after.isoformat(),
            )
        await self._wait()
        return await self._open(await self._known.find_candidates(last=self._address))

    async def wait_until_outdated(self, channel: grpc.aio.Channel) -> grpc.aio.Channel | None:
        """
        Wait until the control plane is lost, asks this gateway to move, or has renewed its certificate.

        That happens when two thirds of the certificate's life are over.
        """
        self._events = asyncio.Queue()  # the events of other channels don't matter
        renewing = asyncio.create_task(self._renew(channel))
        try:
            while True:
                match await self._events.get():
                    case ControlPlanes(addresses):
                        await self._known.learn(addresses)
                    case Move(addresses):
                        if successor := await self._move(addresses):
                            return successor
                    case _Event.RENEWED:
                        current = (self._address,) if self._address else ()
                        return await self._open(await self._known.find_candidates(first=current))
                    case _Event.LOST:
                        return None
        finally:
            renewing.cancel()

    async def _wait(self) -> None:
        """Pause after a loss: gateways that lost their control plane at the same moment must not return at the same."""
        if self._address is None:
            return
        is_new_loss = asyncio.get_running_loop().time() - self._connected_at > LONGEST_PAUSE
        self._pause = FIRST_PAUSE if is_new_loss else min(max(self._pause * 2, FIRST_PAUSE), LONGEST_PAUSE)
        await asyncio.sleep(self._pause * random.uniform(0.1, 1))  # noqa: S311

    async def _open(self, candidates: list[Address]) -> grpc.aio.Channel:
        channel, address = await open_first_channel(self._membership, candidates)
        self._use(address)
        return channel

    async def _move(self, addresses: Addresses) -> grpc.aio.Channel | None:
        """Return a channel to another control plane; None if there is no other, or if none accepts this gateway."""
        candidates = [
            candidate for candidate in await self._known.find_candidates(first=addresses) if candidate != self._address
        ]
        if not candidates:
            return None
        channel, address = await open_first_channel(self._membership, candidates)
        is_accepted = False
        try:
            is_accepted = await does_accept(channel)
        finally:
            if not is_accepted:
                await channel.close(None)
        if not is_accepted:
            return None
        self._use(address)
        return channel

    def _use(self, address: Address) -> None:
        self._address = address
        self._connected_at = asyncio.get_running_loop().time()
        log.info("chose a control plane", gateway=self._membership.name, address=format_address(address))

    async def _renew(self, channel: grpc.aio.Channel) -> None:
        while True:
            await self._wait_until_due()
            request = make_request()
            try:
                renewal = await request_renewal(channel, request.csr)
                membership = self._membership.renew(request.key, renewal)
                await asyncio.to_thread(self._store, membership)
            except (RenewalFailed, OSError, ValueError) as error:
                log.warning("the gateway's certificate wasn't renewed", gateway=self._membership.name, why=str(error))
                await asyncio.sleep(RETRY_AFTER)
            else:
                expires = membership.validity[1]
                log.info("the gateway's certificate was renewed", gateway=membership.name, expires=expires.isoformat())
                self._events.put_nowait(_Event.RENEWED)
                return

    def _store(self, membership: Membership) -> None:
        """Store *membership* and use it, even if the control plane is lost meanwhile: the next start reads it."""
        write_membership(self._directory, membership)
        self._membership = membership

    async def _wait_until_due(self) -> None:
        not_before, not_after = self._membership.validity
        due = not_before + (not_after - not_before) * self._part
        while True:
            seconds = (due - self._now()).total_seconds()
            if seconds <= 0:
                return
            await asyncio.sleep(min(seconds, LONGEST_SLEEP))
