"""
Spreading gateways over the control planes: they learn where all of these are, and move away from one that ends, or that
has more than its share.
"""

import asyncio
import random
from collections.abc import Collection
from contextlib import suppress
from datetime import timedelta

import structlog

from holdfast.apis.gateways.control_plane import ControlPlane
from holdfast.apis.gateways.gateway import is_local_gateway
from holdfast.gateway.control.notices import ControlPlanes
from holdfast.gateway.control.service import Control
from holdfast.gateway.discovery.observers import Observers
from holdfast.network.addresses import Address, Addresses
from holdfast.network.listen_addresses import parse_addresses
from holdfast.services.control_planes.presence import Presence
from holdfast.services.gateways.elsewhere import GatewaysElsewhere

log = structlog.get_logger()
BALANCE_EVERY = 5.0  # seconds
STARTUP_TIME = timedelta(seconds=30)  # since its start; before, a control plane may end again
PART = 10  # of what is too much is moved in each step, so that a new control plane isn't flooded
ASK_AGAIN = 600.0  # seconds until a gateway that stayed is asked again: it may reach no other control plane


def find_discovery_addresses(presence: Presence) -> Addresses:
    """Return where gateways can connect to the control planes that are live."""
    return _read_addresses(presence.own, *presence.others)


class Spreading:
    """Sends notices to the gateways on other machines that follow this control plane. Lives on one event loop."""

    def __init__(self, presence: Presence, control: Control, gateways: Observers, elsewhere: GatewaysElsewhere) -> None:
        """*gateways* wakes its observers whenever a gateway connects or disconnects."""
        self._presence = presence
        self._control = control
        self._gateways = gateways
        self._elsewhere = elsewhere
        self._scout: str | None = None  # the gateway that was asked to move first
        self._requested_at: dict[str, float] = {}  # when gateways were asked because there are too many
        self._change = asyncio.Event()
        presence.add_listener(self._change.set)

    async def follow(self) -> None:
        """Announce which control planes are live, whenever that changes, until cancelled."""
        while True:
            self._change.clear()
            self._control.announce(ControlPlanes(find_discovery_addresses(self._presence)))
            await self._change.wait()

    async def balance(self) -> None:
        """Ask gateways to move, if there are too many of them here, or while this control plane has no database."""
        while True:
            await asyncio.sleep(BALANCE_EVERY)
            if self._presence.is_cut_off:
                self.give_up_gateways()
            else:
                self.move_excess()

    def give_up_gateways(self) -> None:
        """
        Ask one gateway to move to another control plane, and all others once it has.

        That shows that only this control plane can't reach the database: without it, none accepts a gateway.
        """
        gateways = self._control.remote_gateways
        # Even without any: gateways may know of others that weren't live when the database was lost.
        others = _read_addresses(*self._presence.others)
        if not gateways:
            return
        if self._scout is None or self._scout in gateways:
            self._scout = random.choice(gateways)  # noqa: S311
            gateways = [self._scout]
        else:
            log.warning("gateways asked to move, because the database can't be reached", gateways=len(gateways))
        for gateway in gateways:
            self._control.move(gateway, others)

    def move_excess(self) -> None:
        """Ask a part of the gateways that are too many here to move to the control planes that have fewest."""
        now = self._presence.own.seen_at
        others = [other for other in self._presence.others if other.discovery and now - other.started_at > STARTUP_TIME]
        gateways = self._control.remote_gateways
        counts = {other.id: self._count(other) for other in others}
        if not (excess := find_excess(len(gateways), counts.values())):
            return
        loop_time = asyncio.get_running_loop().time()
        self._requested_at = {name: at for name, at in self._requested_at.items() if loop_time - at < ASK_AGAIN}
        willing = [name for name in gateways if name not in self._requested_at]
        moving = random.sample(willing, min(-(-excess // PART), len(willing)))
        least = _read_addresses(*(other for other in others if counts[other.id] == min(counts.values())))
        for gateway in moving:
            self._requested_at[gateway] = loop_time
            log.info("gateway asked to move to another control plane", gateway=gateway, excess=excess)
            self._control.move(gateway, least)

    def _count(self, control_plane: ControlPlane) -> int:
        connections = self._elsewhere.others.connections.items()
        return sum(
            connection.control_plane.id == control_plane.id and not is_local_gateway(name)
            for name, connection in connections
        )

    async def send_away(self, seconds: float) -> None:
        """
        Ask all gateways to move to other control planes, if there are any.

        Return once they have, or after *seconds*.
        """
        others = _read_addresses(*self._presence.others)
        if not others:
            return
        moving = set(self._control.remote_gateways)
        for gateway in moving:
            self._control.move(gateway, others)
        observer = self._gateways.observe()
        try:
            async with asyncio.timeout(seconds):
                # Not those that arrive meanwhile from another one that ends at the same time.
                while moving.intersection(self._control.remote_gateways):
                    observer.clear()
                    await observer.wait()
        except TimeoutError:
            pass
        finally:
            self._gateways.stop_observing(observer)


def find_excess(own: int, others: Collection[int]) -> int:
    """
    Return how many gateways a control plane has beyond its share; *own* and *others* are the numbers of gateways.

    The share is rounded up: moving a gateway for a difference of one would only turn it around.
    """
    share = -(-(own + sum(others)) // (1 + len(others)))
    return max(own - share, 0)


def _read_addresses(*control_planes: ControlPlane) -> Addresses:
    addresses: list[Address] = []
    for text in (text for control_plane in control_planes for text in control_plane.discovery):
        with suppress(ValueError):  # another version of Holdfast may write others
            addresses += parse_addresses([text])
    return tuple(addresses)
