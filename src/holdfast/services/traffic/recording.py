"""
Stores the traffic that this control plane's gateways report.
"""

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

import structlog

from holdfast.apis.traffic.measures import Measures
from holdfast.apis.traffic.periods import DAY, HOUR, MINUTE
from holdfast.gateway.control.traffic import TrafficReport
from holdfast.gateway.peer import Peer
from holdfast.gateway.resources.cluster_names import read_cluster_name
from holdfast.store.database import Store
from holdfast.store.topics import Topic
from holdfast.store.traffic import parts
from holdfast.store.traffic.parts import EVERY_API, Subject
from holdfast.work.threads import run_to_end

log = structlog.get_logger()
MAX_WAITING = 4  # parts of one gateway, which sends one at a time, over several streams while earlier ones time out
EARLY, LATE = timedelta(minutes=5), timedelta(days=2)  # around now, by which a gateway's clock may differ


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """The lifetimes of traffic by minute, hour and day."""

    minutes: timedelta
    hours: timedelta
    days: timedelta

    def list_by_resolution(self) -> dict[int, timedelta]:
        """Return how long the rows of each resolution are stored."""
        return {MINUTE: self.minutes, HOUR: self.hours, DAY: self.days}


class TrafficRecording:
    """
    Stores parts in order of arrival, and then tells the gateway. Lives on one event loop.

    A part that can't be stored isn't acknowledged, so the gateway sends it again, perhaps to another control plane.
    """

    def __init__(self, store: Store, lifetimes: Lifetimes, now: Callable[[], datetime]) -> None:
        self._store = store
        self._lifetimes = lifetimes
        self._now = now
        self._waiting: deque[tuple[Peer, TrafficReport, Callable[[], None]]] = deque()
        self._by_gateway: Counter[str] = Counter()
        self._news = asyncio.Event()
        # Its own thread, because the shared ones may all be waiting for the database.
        self._thread = ThreadPoolExecutor(1, "traffic")

    def take(self, peer: Peer, report: TrafficReport, on_stored: Callable[[], None]) -> None:
        """Store *report* of a gateway soon, then call *on_stored*; ignore it if too many of this gateway wait."""
        if self._by_gateway[peer.name] < MAX_WAITING:
            self._by_gateway[peer.name] += 1
            self._waiting.append((peer, report, on_stored))
            self._news.set()

    async def follow(self) -> None:
        """Store what arrives, until cancelled."""
        while True:
            while self._waiting:
                peer, report, on_stored = self._waiting.popleft()
                self._by_gateway[peer.name] -= 1
                await run_to_end(self._thread, partial(self.record, peer, report))
                on_stored()
            self._by_gateway += Counter()  # forgets those without any
            self._news.clear()
            await self._news.wait()

    def record(self, peer: Peer, report: TrafficReport) -> None:
        """
        Store a part, unless it was stored before.

        Only APIs that are deployed to the gateway's group count, and only times around now. Raises StoreFailure.
        """
        part, now = report.part, self._now()
        measures = _read_subjects(part.clusters)
        with self._store.note(Topic.TRAFFIC) as session:
            if not parts.is_next(session, peer.name, report.source, part.number, now):
                return
            if not now - LATE <= part.minute <= now + EARLY:
                log.warning("traffic of another time isn't counted", gateway=peer.name, minute=part.minute.isoformat())
                return
            deployed_apis = parts.find_deployed(session, peer.group, measures)
            own = {
                subject: subject_measures
                for subject, subject_measures in measures.items()
                if (subject.organization, subject.api_id) in deployed_apis
            }
            if len(own) < len(measures):
                log.info("traffic of APIs that aren't deployed isn't counted", gateway=peer.name)
            lifetimes = self._lifetimes.list_by_resolution()
            resolutions = [resolution for resolution, lifetime in lifetimes.items() if part.minute > now - lifetime]
            parts.add_measures(session, peer.name, part.minute, own | _sum_up(own), resolutions)
            parts.add_coverage(
                session,
                peer.name,
                part.minute,
                part.seconds,
                is_late=part.is_late,
                uncounted=part.uncounted,
                dropped=part.dropped,
            )


def _read_subjects(clusters: Mapping[str, Measures]) -> dict[Subject, Measures]:
    """Return measures by subject; a name of another form has none."""
    entries = ((read_cluster_name(name), measures) for name, measures in clusters.items())
    return {Subject(*owner): measures for owner, measures in entries if owner and owner[1] != EVERY_API}


def _sum_up(measures: Mapping[Subject, Measures]) -> dict[Subject, Measures]:
    """Return the sums over all APIs, by organization and environment."""
    sums: dict[Subject, Measures] = {}
    for subject, subject_measures in measures.items():
        whole = Subject(subject.organization, EVERY_API, subject.environment)
        sums[whole] = sums[whole] + subject_measures if whole in sums else subject_measures
    return sums
