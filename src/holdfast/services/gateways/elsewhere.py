"""
The gateways that are connected to other control planes, as these have written them down.
"""

import asyncio
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.orm import Session

from holdfast.apis.gateways.connected_gateway import ConnectedGateway
from holdfast.services.background import wake_on_write
from holdfast.store.clock import read_database_time
from holdfast.store.control_planes.control_planes import LIVE_FOR
from holdfast.store.database import Store
from holdfast.store.gateways import connected_gateways
from holdfast.store.topics import Topic

LOOK_AGAIN = 2.0  # seconds after which control planes that are no longer live are noticed


@dataclass(frozen=True, slots=True)
class OtherControlPlane:
    """
    Another control plane as it last described itself: the *version* of its overview, and its gateways by name.

    *revision* is the revision of the configuration that the gateways' states refer to.
    """

    id: str
    name: str
    version: int
    revision: int
    latest_times: Sequence[Any]
    gateways: Mapping[str, ConnectedGateway]


@dataclass(frozen=True, slots=True)
class Connection:
    """A gateway, and the other control plane that it is or was connected to."""

    control_plane: OtherControlPlane
    gateway: ConnectedGateway


@dataclass(frozen=True, slots=True)
class OtherControlPlanes:
    """
    The other control planes that are live, and the gateways that are connected to them, by name.

    Of a gateway with several connections, only the newest one counts. *last_connections* has the gateways that were
    connected.
    """

    control_planes: tuple[OtherControlPlane, ...] = ()
    connections: Mapping[str, Connection] = field(default_factory=dict)
    last_connections: Mapping[str, Connection] = field(default_factory=dict)


NOBODY = OtherControlPlanes()


class GatewaysElsewhere:
    """
    Knows the gateways of other control planes. Threads may use everything except `follow`.

    What hasn't changed since it was last read isn't read again.
    """

    def __init__(self, own: str | None = None) -> None:
        """*own* is the id of this control plane; None: no other one can use its database."""
        self._own = own
        self._lock = threading.Lock()
        self._planes: dict[str, OtherControlPlane] = {}
        self._others = NOBODY
        self._wake: asyncio.Event | None = None

    @property
    def is_shared(self) -> bool:
        """Whether other control planes can use the database."""
        return self._own is not None

    @property
    def others(self) -> OtherControlPlanes:
        """The state that was last read."""
        return self._others

    def read(self, session: Session) -> OtherControlPlanes:
        """Return what the database says now."""
        if self._own is None:
            return NOBODY
        live = connected_gateways.list_overviews(session, read_database_time(session) - LIVE_FOR)
        overviews = [overview for overview in live if overview.id != self._own]
        planes_before = self._planes
        # A transaction that began earlier can see older versions than those that are known.
        new_overviews = [
            (row.name, overview)
            for row in overviews
            if (overview := row.overview)
            and (row.id not in planes_before or planes_before[row.id].version < overview.version)
        ]
        ids = [overview.id for _, overview in new_overviews]
        gateways = connected_gateways.list_by_control_plane(session, ids) if ids else {}
        planes = {
            overview.id: OtherControlPlane(
                overview.id, name, overview.version, overview.revision, overview.enforced, gateways[overview.id]
            )
            for name, overview in new_overviews
        }
        return self._take([row.id for row in overviews], planes)

    def _take(self, live: Sequence[str], planes: Mapping[str, OtherControlPlane]) -> OtherControlPlanes:
        with self._lock:
            planes_before = self._planes
            self._planes = {
                name: max(
                    (plane for plane in (planes.get(name), planes_before.get(name)) if plane),
                    key=lambda plane: plane.version,
                )
                for name in live
                if name in planes or name in planes_before
            }
            current = tuple(self._planes.values())
            if [(plane.id, plane.version) for plane in current] != [
                (plane.id, plane.version) for plane in self._others.control_planes
            ]:
                self._others = _combine(current)
            return self._others

    async def follow(self, store: Store, tell: Callable[[], object]) -> None:
        """Read what other control planes write, and call *tell* after each change, until cancelled."""
        if self._own is None:
            await asyncio.Event().wait()
        wake = self._wake = self._wake or wake_on_write(store, Topic.GATEWAYS)
        latest = NOBODY
        while True:
            wake.clear()
            others = await asyncio.to_thread(self._read_now, store)
            if others is not latest:
                latest = others
                tell()
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_AGAIN if others.control_planes else None):
                    await wake.wait()

    def _read_now(self, store: Store) -> OtherControlPlanes:
        with store.read() as session:
            return self.read(session)


def _combine(planes: Sequence[OtherControlPlane]) -> OtherControlPlanes:
    connections: dict[str, Connection] = {}
    last_connections: dict[str, Connection] = {}
    for plane in planes:
        for name, gateway in plane.gateways.items():
            if gateway.connected_since is None:
                if name not in last_connections or last_connections[name].gateway.seen_at < gateway.seen_at:
                    last_connections[name] = Connection(plane, gateway)
            elif name not in connections or _is_newer(gateway, connections[name].gateway):
                connections[name] = Connection(plane, gateway)
    return OtherControlPlanes(tuple(planes), connections, last_connections)


def _is_newer(gateway: ConnectedGateway, other: ConnectedGateway) -> bool:
    """Return whether *gateway* is the newer one of two connections, which were both recorded."""
    return bool(gateway.recorded_at and other.recorded_at and gateway.recorded_at > other.recorded_at)
