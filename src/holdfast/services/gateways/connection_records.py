"""
Writes down which gateways are connected to this control plane, and what they have in force, for the others.
"""

import asyncio
import itertools
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from holdfast.apis.gateways.connected_gateway import ConnectedGateway
from holdfast.gateway.control.states import GatewayState, GatewayStates
from holdfast.gateway.discovery.cache import Gateway, ResourceKey
from holdfast.gateway.discovery.groups import Groups
from holdfast.services.gateways.backlogs import Backlogs
from holdfast.store.clock import read_database_time
from holdfast.store.database import Store
from holdfast.store.gateways import connected_gateways
from holdfast.store.gateways.connected_gateways import Overview
from holdfast.store.topics import Topic

SOON = 0.02  # seconds that acknowledgements are collected, unless all have arrived
REPORTS_EVERY = 10.0  # seconds between transactions that only store reports
MAX_REJECTED = 20  # rejected resources of a gateway that are described
MAX_REASON = 500  # characters


_Overview = tuple[int, Sequence[Any]]  # revision, and when the gateways had the latest changes


@dataclass(frozen=True, slots=True)
class Record:
    """
    A gateway as it is to be written, without its *state*, and its newest stream.

    It is written at once if it differs from what was written before, except for the traffic that it reports.
    """

    gateway: ConnectedGateway
    stream: Gateway | None
    state: GatewayState | None

    def is_news(self, before: "Record | None") -> bool:
        """Return whether others should know of the difference at once."""
        if before is None or before.gateway != self.gateway or before.stream is not self.stream:
            return True
        ours, theirs = (record.state.report if record.state else None for record in (self, before))
        return ours is not theirs and (ours is None or theirs is None or ours.differs_from(theirs))

    def is_newer(self, before: "Record | None") -> bool:
        """Return whether anything differs."""
        return before is None or self.state is not before.state or self.is_news(before)

    @property
    def value(self) -> ConnectedGateway:
        """The gateway with its state."""
        if (state := self.state) is None:
            return self.gateway
        report = state.report.to_members() if state.report else None
        return replace(
            self.gateway,
            address=state.address,
            seen_at=state.seen_at,
            report=report,
            clock_offset=state.clock_offset,
        )

    def mark_recorded(self, now: datetime) -> "Record":
        """Return this record with the time when its connection was first recorded, *now* by default."""
        return replace(self, gateway=replace(self.gateway, recorded_at=self.gateway.recorded_at or now))


class ConnectionRecords:
    """
    The records of this control plane's gateways in the database. Lives on one event loop.

    A transaction writes what has changed, of all gateways at once. Nothing is written while nothing changes.
    """

    def __init__(
        self,
        store: Store,
        own: str,
        groups: Groups,
        states: GatewayStates,
        revision: Callable[[], int],
        latest_times: Callable[[], Sequence[Any]] = tuple,
    ) -> None:
        """
        *own* is the id of this control plane; *revision* returns the one that the gateways are sent.

        *latest_times* returns when its gateways had the latest changes, as JSON values.
        """
        self._store = store
        self._own = own
        self._groups = groups
        self._states = states
        self._revision = revision
        self._latest_times = latest_times
        self._backlogs = Backlogs(groups)
        self._version = 0
        self._stored_records: dict[str, Record] | None = None  # None: nothing, or it is unknown
        self._overview: _Overview = (0, ())

    async def begin(self) -> None:
        """Write that there are no gateways. Raises StoreFailure."""
        await self._write(self._read_overview(), {}, {}, ())

    async def follow(self) -> None:
        """Write changes as they happen, until cancelled."""
        observer = self._groups.observe()
        loop = asyncio.get_running_loop()
        self._stored_records = None
        try:
            next_reports = 0.0
            while True:
                observer.clear()
                with_reports = loop.time() >= next_reports
                if with_reports:
                    next_reports = loop.time() + REPORTS_EVERY
                await self.write_changes(with_reports=with_reports)
                with suppress(TimeoutError):
                    async with asyncio.timeout_at(next_reports):
                        await observer.wait()
                    await self._collect(observer)
        finally:
            self._groups.stop_observing(observer)

    async def _collect(self, observer: asyncio.Event) -> None:
        """Wait until no gateway has anything to acknowledge, but at most SOON."""
        with suppress(TimeoutError):
            async with asyncio.timeout(SOON):
                while any(gateway.behind for gateway in self._groups.gateways):
                    observer.clear()
                    await observer.wait()

    async def write_changes(self, *, with_reports: bool = False) -> None:
        """Write what has changed since the last call; reports that say nothing else only *with_reports*."""
        overview = self._read_overview()  # first, because it records what the gateways have applied
        self._backlogs.follow()
        records = self._describe()
        before = self._stored_records or {}
        differs = Record.is_newer if with_reports else Record.is_news
        changes = {name: record for name, record in records.items() if differs(record, before.get(name))}
        old_names = sorted(before.keys() - records.keys())
        has_gateways = any(record.stream for record in records.values())
        if not (changes or old_names or self._stored_records is None or (has_gateways and overview != self._overview)):
            return
        # What isn't written stays as it was, so that its difference is noticed later.
        if not await self._write(overview, {**before, **changes}, changes, old_names):
            await self._write(overview, records, records, ())

    async def _write(
        self,
        overview: _Overview,
        records: Mapping[str, Record],
        changes: Mapping[str, Record],
        old_names: Collection[str],
    ) -> bool:
        """Write one version; return whether the one before was still there."""
        self._version += 1
        rows = [record.value for record in changes.values()]
        begins, self._stored_records = self._stored_records is None, None
        now = await asyncio.to_thread(self._store_rows, *overview, rows, old_names, begins=begins)
        if now is None:
            return False
        for record in changes.values():
            if record.stream and not record.stream.recorded_at:
                record.stream.recorded_at = now
        self._stored_records = {
            name: record.mark_recorded(now) for name, record in records.items() if name not in old_names
        }
        self._overview = overview
        return True

    def _store_rows(
        self,
        revision: int,
        latest_times: Sequence[Any],
        rows: Iterable[ConnectedGateway],
        old_names: Collection[str],
        *,
        begins: bool,
    ) -> datetime | None:
        """Write in one transaction; return its time, or None if the version before isn't there anymore."""
        overview = Overview(self._own, self._version, revision, latest_times)
        with self._store.note(Topic.GATEWAYS) as session:
            now = read_database_time(session)
            if begins:
                connected_gateways.begin(session, overview)
            elif not connected_gateways.update_overview(session, overview):
                return None
            connected_gateways.replace(session, self._own, old_names, rows, now)
            return now

    def _read_overview(self) -> _Overview:
        latest_times = self._latest_times()
        return self._revision(), latest_times

    def _describe(self) -> dict[str, Record]:
        streams: dict[str, list[tuple[str, Gateway]]] = {}
        for group, cache in self._groups.caches.items():
            for gateway in cache.gateways:
                streams.setdefault(gateway.id, []).append((group, gateway))
        states = {state.peer.name: state for state in self._states.list_all()}
        return {
            name: Record(*self._describe_streams(name, streams[name]), states.get(name))
            if name in streams
            else Record(_describe_absent(states[name]), None, states[name])
            for name in states.keys() | streams.keys()
        }

    def _describe_streams(self, name: str, streams: Sequence[tuple[str, Gateway]]) -> tuple[ConnectedGateway, Gateway]:
        """Describe a gateway by its streams, the newest last; what one of them is missing counts as missing."""
        group, newest = streams[-1]
        backlogs = [self._backlogs.find_missing(*stream) for stream in streams]
        missing: frozenset[ResourceKey] | None = frozenset()
        for backlog in backlogs:
            missing = None if missing is None or backlog is None else missing | backlog
        oldest_revision = min(
            (stream.applied for _, stream in streams), key=lambda backlog: backlog.revision if backlog else 0
        )
        cache = self._groups.caches[group]
        rejections = {
            key: rejection.message[:MAX_REASON]
            for key, rejection in newest.rejected.items()
            if (resource := cache.get(*key)) and resource.version == rejection.version
        }
        gateway = ConnectedGateway(
            name=name,
            group=group,
            address="",
            connected_since=newest.connected_at,
            seen_at=newest.connected_at,
            applied=oldest_revision.revision if oldest_revision else None,
            applied_since=oldest_revision.since if oldest_revision else None,
            behind=newest.behind,
            behind_since=newest.behind_since,
            missing=missing,
            rejected=dict(itertools.islice(rejections.items(), MAX_REJECTED)),
            rejections=len(newest.rejected),
            recorded_at=newest.recorded_at,
        )
        return gateway, newest


def _describe_absent(state: GatewayState) -> ConnectedGateway:
    return ConnectedGateway(state.peer.name, state.peer.group, "", None, state.seen_at)
