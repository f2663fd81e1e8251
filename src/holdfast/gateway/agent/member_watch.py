"""
Which members of groups Envoy considers unhealthy, from its events.

Envoy's admin interface stops its main thread, so it is asked only about clusters whose events can't tell: who an
ejected address belongs to, and whether a member that was unhealthy still exists after a change.
"""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import structlog

from holdfast.gateway.agent.in_force import EnvoyProgress, State
from holdfast.gateway.discovery.cache import Cache
from holdfast.gateway.members.event_file import EventFile
from holdfast.gateway.members.events import Detection, HealthEvent, read_event
from holdfast.gateway.members.hosts import Host, read_hosts
from holdfast.gateway.members.unhealthy import HealthCause, MemberHealth, UnhealthyMember
from holdfast.gateway.probing.constants import PREFIX
from holdfast.gateway.process.envoy import EnvoyProcess
from holdfast.gateway.resources.resource import CLUSTER

log = structlog.get_logger()
LOOK_AGAIN = 1.0  # seconds; Envoy writes its events each second
CHECK_AFTER = 60.0  # seconds until Envoy is asked whether a member is still unhealthy, and then as long as it has been
ASK_AGAIN = 5.0  # seconds, if Envoy doesn't answer
MAX_CLUSTERS, MAX_RECORDS = 50, 2_000  # clusters in one request; members
Key = tuple[str, str, Detection]  # cluster, address


@dataclass(slots=True)
class _Record:
    member: str  # its authority; empty: unknown
    cause: HealthCause
    since: datetime | None
    status: int
    line: bytes  # of the event; empty: there was none
    began: float  # monotonic
    check_at: float  # monotonic
    version: str = ""  # of the cluster that it belongs to, if that was in force


class MemberWatch:
    """Follows Envoy's events about members. Lives on one event loop."""

    def __init__(self, file: EventFile, process: EnvoyProcess, cache: Cache, in_force: EnvoyProgress) -> None:
        self._file = file
        self._process = process
        self._cache = cache
        self._in_force = in_force
        self._records: dict[Key, _Record] = {}
        self._names: dict[tuple[str, str], str] = {}  # members by cluster and address
        self._pid: int | None = None
        self._ask_at = 0.0  # monotonic
        self._asks_all = False  # because events were lost
        self._overflows = False  # more members than are remembered
        self.health: MemberHealth | None = None  # None: unknown

    async def prepare(self) -> None:
        """Create the file before Envoy starts, or find that an Envoy that is running writes to none."""
        was_there = await asyncio.to_thread(self._file.prepare)
        self._asks_all = self._process.left_running is not None and not was_there

    async def follow(self) -> None:
        """Keep `health` current, until cancelled."""
        while True:
            try:
                await self.look()
            except OSError as error:
                log.error("events about members can't be read", why=str(error))
                self.health = None
            await asyncio.sleep(LOOK_AGAIN)

    async def look(self) -> None:
        """Read new events, ask Envoy what they don't say, and replace a large file. Raises OSError."""
        while lines := await asyncio.to_thread(self._file.read):
            for line in lines:
                if event := read_event(line):
                    self._take(event, line)
        if self._file.is_lost:
            await asyncio.to_thread(self._file.restore)
            self._asks_all = True
        await self._ask(time.monotonic())
        if self._file.is_large:
            remaining_lines = [record.line for record in self._records.values() if record.line]
            await asyncio.to_thread(self._file.replace, remaining_lines)
        self._summarize()

    def _take(self, event: HealthEvent, line: bytes) -> None:
        if event.member:
            self._remember_name((event.cluster, event.address), event.member)
        if event.cause is None:
            self._records.pop(event.key, None)
            return
        member = event.member or self._names.get((event.cluster, event.address), "")
        since, record = event.at, self._records.get(event.key)
        if event.detection is Detection.HEALTH_CHECK and record and record.since:
            since, line = record.since, record.line  # a new Envoy begins with a check that fails
        self._keep(event.key, member, event.cause, since, event.status, line)

    def _keep(
        self, key: Key, member: str, cause: HealthCause, since: datetime | None, status: int = 0, line: bytes = b""
    ) -> None:
        if key[0].startswith(PREFIX) or self._cache.get(CLUSTER, key[0]) is None:
            return
        if key not in self._records and len(self._records) >= MAX_RECORDS:
            self._overflows = True
            return
        began = time.monotonic()
        self._records[key] = _Record(member, cause, since, status, line, began, began + CHECK_AFTER)
        self._records[key].version = self._find_version_in_force(key[0])

    def _find_version_in_force(self, cluster: str) -> str:
        """Return the version of *cluster* that Envoy uses; empty: none, or another one than the newest."""
        current = self._cache.get(CLUSTER, cluster)
        if current is None:
            return ""
        state = self._in_force.find_progress((CLUSTER, cluster), current.version).state
        return current.version if state is State.IN_FORCE else ""

    async def _ask(self, now: float) -> None:
        """Ask Envoy about doubtful clusters."""
        if self._process.pid != self._pid:
            self._pid = self._process.pid  # a new Envoy: what was unhealthy for the last one may be healthy
            for record in self._records.values():
                record.check_at = now
        for key in [key for key in self._records if self._cache.get(CLUSTER, key[0]) is None]:
            del self._records[key]
        doubtful = {key[0] for key, record in self._records.items() if self._is_doubtful(key, record, now)}
        if now < self._ask_at or not (doubtful or self._asks_all):
            return
        suspects = None if self._asks_all else set(sorted(doubtful)[:MAX_CLUSTERS])
        hosts = await asyncio.to_thread(read_hosts, self._process.admin_socket, suspects)
        if hosts is None:
            self._ask_at = now + ASK_AGAIN
            return
        self._asks_all = False
        self._compare(suspects, hosts, now)

    def _is_doubtful(self, key: Key, record: _Record, now: float) -> bool:
        version = self._find_version_in_force(key[0])
        return not record.member or now >= record.check_at or bool(version and version != record.version)

    def _compare(self, suspects: set[str] | None, hosts: Mapping[tuple[str, str], Host], now: float) -> None:
        for key, record in list(self._records.items()):
            if suspects is not None and key[0] not in suspects:
                continue
            host = hosts.get(key[:2])
            if host is None or key[2] not in host.unhealthy:
                del self._records[key]
                continue
            record.member = record.member or host.member
            record.version = self._find_version_in_force(key[0])
            record.check_at = now + max(CHECK_AFTER, now - record.began)
        for place, host in hosts.items():
            for detection in host.unhealthy:
                self._remember_name(place, host.member)
                if (*place, detection) not in self._records:
                    cause = HealthCause.CHECK if detection is Detection.HEALTH_CHECK else HealthCause.FAILURES
                    self._keep((*place, detection), host.member, cause, None)

    def _remember_name(self, place: tuple[str, str], member: str) -> None:
        self._names.pop(place, None)
        self._names[place] = member
        if len(self._names) > MAX_RECORDS:
            del self._names[next(iter(self._names))]

    def _summarize(self) -> None:
        unhealthy = tuple(
            UnhealthyMember(cluster, record.member, address, record.cause, record.since, record.status)
            for (cluster, address, _), record in self._records.items()
            if record.member
        )
        if self._overflows and len(self._records) <= MAX_RECORDS // 2:
            self._overflows, self._asks_all = False, True
        is_complete = len(unhealthy) == len(self._records) and not self._asks_all and not self._overflows
        self.health = MemberHealth(unhealthy, is_complete)
