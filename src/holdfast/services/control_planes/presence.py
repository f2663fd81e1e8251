"""
Which control planes run on the same database: registers this one, and knows the others.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import datetime

import structlog

from holdfast.apis.gateways.control_plane import ControlPlane, find_deviations
from holdfast.apis.gateways.gateway import LOCAL_GATEWAY
from holdfast.services.background import wake_on_write
from holdfast.services.control_planes.lease import Lease
from holdfast.store.clock import read_database_time
from holdfast.store.control_planes import control_planes
from holdfast.store.control_planes.control_planes import LIVE_FOR
from holdfast.store.database import Store
from holdfast.store.errors import StoreFailure, StoreUnreachable
from holdfast.store.topics import Topic

log = structlog.get_logger()
BEAT = 2.0  # seconds between heartbeats
GOODBYE = 5.0  # seconds that a clean stop waits for the database


class NameTaken(RuntimeError):
    """The control plane *other* has the same name, and is live."""

    def __init__(self, other: ControlPlane) -> None:
        self.other = other
        super().__init__(f"Another control plane is called {other.name}.")


class Presence:
    """
    This control plane among those of its database. Lives on one event loop; `own` and `others` can be read anywhere.

        await presence.begin()  # it is registered
        background.start("presence", presence.follow)
        await presence.end()  # once it can no longer act
    """

    def __init__(
        self,
        store: Store,
        own: ControlPlane,
        home: str,
        *,
        shared: bool,
        refresh: Callable[[ControlPlane], ControlPlane] = lambda own: own,
    ) -> None:
        """
        *home* is the id of the data directory.

        Unless *shared*, no other control plane can use the database, so there is nothing to follow. *refresh* returns
        what can change while the process runs.
        """
        self._store = store
        self.lease = Lease(store, own.id, shared=shared)
        self._own = own
        self._home = home
        self._shared = shared
        self._refresh = refresh
        self._others: tuple[ControlPlane, ...] = ()
        self._last_heartbeat = time.monotonic()  # when the database last had a heartbeat
        self._listeners: list[Callable[[], object]] = []
        self._wake: asyncio.Event | None = None
        self._silent: set[str] = set()  # the ids of others that ended without a clean stop
        self._logged: tuple[str, ...] = ()  # the deviating settings that were logged
        # Its own thread, because the shared ones may all be waiting for the database.
        self._thread = ThreadPoolExecutor(1, "presence")

    @property
    def own(self) -> ControlPlane:
        """This control plane; its times are approximately those that others see."""
        return self._own

    @property
    def others(self) -> tuple[ControlPlane, ...]:
        """The other control planes that are live, as of the last heartbeat, in order of their names."""
        return self._others

    @property
    def is_cut_off(self) -> bool:
        """Whether the others no longer consider this control plane live, because it can't reach the database."""
        return self._shared and time.monotonic() - self._last_heartbeat > LIVE_FOR.total_seconds()

    @property
    def deviating(self) -> tuple[str, ...]:
        """The variables of this control plane's settings that differ from those of most live ones."""
        return find_deviations((self._own, *self._others)).get(self._own.id, ())

    @property
    def is_shared(self) -> bool:
        """Whether other control planes can use the database; with SQLite, none can."""
        return self._shared

    @property
    def local_gateway(self) -> str:
        """The name of the gateway next to this control plane, which differs from those next to others."""
        return self._own.local_gateway if self._shared else LOCAL_GATEWAY

    def add_listener(self, listener: Callable[[], object]) -> None:
        """Call *listener*, on the event loop, whenever a control plane comes or goes, or changes what it says."""
        self._listeners.append(listener)

    async def begin(self) -> None:
        """
        Register this control plane.

        If another one has its name, it may have been killed, and come back elsewhere without its data directory, so
        this waits until it isn't live. Raises NameTaken if it is, StoreFailure.
        """
        try:
            heartbeats: dict[str, datetime] = {}
            while twins := await self._run(self._register):
                for twin in twins:
                    if heartbeats.setdefault(twin.id, twin.seen_at) != twin.seen_at:
                        raise NameTaken(twin)
                await asyncio.sleep(BEAT / 4)
        except StoreFailure as error:
            # Nobody else needs to know, and what only reads still works, for example while the disk is full.
            if self._shared:
                raise
            log.warning("control plane not registered", reason=str(error))

    async def follow(self) -> None:
        """Send heartbeats, and follow which others are live, until cancelled."""
        if not self._shared:
            await asyncio.Event().wait()
        self._wake = self._wake or wake_on_write(self._store, Topic.CONTROL_PLANES)
        while True:
            self._wake.clear()
            try:
                self._take(await self._run(self._beat))
            except StoreUnreachable:
                pass  # the store logs it once
            except StoreFailure as error:
                log.warning("heartbeat failed", reason=str(error))
            with suppress(TimeoutError):
                async with asyncio.timeout(BEAT):
                    await self._wake.wait()

    async def end(self) -> None:
        """Remove this control plane, so that others take over its work at once, if the database answers."""
        try:
            async with asyncio.timeout(GOODBYE):
                await self.lease.end()
                await self._run(self._remove)
        except (StoreFailure, TimeoutError) as error:
            reason = str(error) or "The database doesn't answer."
            log.warning("others notice only later that this control plane has stopped", reason=reason)
        finally:
            self._thread.shutdown(wait=False)

    async def _run(self, work: Callable[[], Sequence[ControlPlane]]) -> Sequence[ControlPlane]:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def _register(self) -> Sequence[ControlPlane]:
        """Register this control plane, unless live ones have its name; return these."""
        with self._store.note(Topic.CONTROL_PLANES) as session:
            control_planes.remove_predecessors(session, self._own.id, self._home if self._shared else None)
            now = read_database_time(session)
            if twins := [
                control_plane
                for control_plane in control_planes.list_live(session, now)
                if control_plane.name == self._own.name
            ]:
                return twins
            self._own = replace(self._refresh(self._own), started_at=now, seen_at=now)
            control_planes.save(session, self._own, self._home, now)
        return ()

    def _beat(self) -> Sequence[ControlPlane]:
        with self._store.note(Topic.HEARTBEATS) as session:
            now = read_database_time(session)
            self._own = replace(self._refresh(self._own), seen_at=now)
            control_planes.save(session, self._own, self._home, now)
            others = [
                control_plane
                for control_plane in control_planes.list_known(session, now)
                if control_plane.id != self._own.id
            ]
        self._silent = {control_plane.id for control_plane in others if not control_planes.is_live(control_plane, now)}
        return [control_plane for control_plane in others if control_plane.id not in self._silent]

    def _remove(self) -> Sequence[ControlPlane]:
        with self._store.note(Topic.CONTROL_PLANES) as session:
            control_planes.remove(session, self._own.id)
        return ()

    def _take(self, others: Sequence[ControlPlane]) -> None:
        self._last_heartbeat = time.monotonic()
        before = {other.id: _drop_heartbeat(other) for other in self._others}
        after = {other.id: _drop_heartbeat(other) for other in others}
        self._others = tuple(others)
        if self._logged != (deviating := self.deviating):
            self._logged = deviating
            if deviating:
                log.warning("settings differ from those of other control planes", settings=", ".join(deviating))
        if before == after:
            return
        for id_ in before.keys() - after.keys():
            if id_ in self._silent:
                log.warning("control plane doesn't respond", name=before[id_].name)
            else:
                log.info("control plane stopped", name=before[id_].name)
        for new in after.keys() - before.keys():
            log.info("control plane joined", name=after[new].name, version=after[new].version)
        for listener in self._listeners:
            listener()


def _drop_heartbeat(control_plane: ControlPlane) -> ControlPlane:
    """Return *control_plane* without what changes with each heartbeat."""
    return replace(control_plane, seen_at=control_plane.started_at)
