"""
The traffic of a gateway: from the statistics of its Envoy to numbered parts for the control plane.
"""

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from holdfast.gateway.resources.constants import CERTIFICATE_SAMPLE_KEY, SAMPLE_KEY
from holdfast.gateway.traffic import certificates
from holdfast.gateway.traffic.backlog import Backlog, Part
from holdfast.gateway.traffic.certificates import PresentedCertificates
from holdfast.gateway.traffic.counting import Counting
from holdfast.gateway.traffic.memory import Memory, TrafficState
from holdfast.gateway.traffic.metrics_service import Flush
from holdfast.gateway.traffic.sampling import ENOUGH, Sampling
from holdfast.gateway.traffic.totals import Totals
from holdfast.work.threads import run_to_end

EVERY = timedelta(seconds=10)  # between parts, if they are small
GAP = timedelta(seconds=90)  # between flushes; after more, requests of several minutes are counted together


class TrafficRecorder:
    """
    Records what Envoy counts, and hands out parts until they are acknowledged. Lives on one event loop.

    A part is handed out once it is in the file, so that it is the same after a restart.
    """

    def __init__(
        self,
        directory: Path,
        admin: Path,
        now: Callable[[], datetime],
        *,
        is_new: bool,
        totals: Totals | None = None,
    ) -> None:
        """
        *admin* is the socket of Envoy's admin interface; *is_new*: Envoy starts with this agent. Reads the file.

        *totals* gets what each flush adds.
        """
        self._memory = Memory(directory)
        state = self._memory.read()
        self.source = state.source
        self._now = now
        self._totals = totals
        self._sampling = Sampling(admin, SAMPLE_KEY, ENOUGH)
        self.certificates = PresentedCertificates()
        self._certificate_sampling = Sampling(admin, CERTIFICATE_SAMPLE_KEY, certificates.ENOUGH)
        self._counting = Counting(state.counters, is_new=is_new)
        self._backlog = Backlog(state.number, state.parts)
        self._last_flush = state.at or now()
        self._next_cut = now()
        self._unwritten: TrafficState | None = None
        self._written = state.number  # the highest number in the file
        self._news = asyncio.Event()  # something is to be written
        self._ready = asyncio.Event()  # a part may be handed out
        self._ready.set()
        self.latest: Mapping[str, int] = {}  # the last counters of Envoy
        self._rate: tuple[str, float] = ("", 0.0)  # the last process of Envoy, and its requests per second

    def take(self, flush: Flush) -> None:
        """Record a flush of Envoy, as of now."""
        now, before = self._now(), self._last_flush
        interval = max(now - before, timedelta())
        is_late = interval > GAP
        minute = _find_minute(now if is_late else before + interval / 2)
        if self._backlog.open not in {None, minute}:
            self._cut(before)
        clusters = self.certificates.add_to(self._counting.compare(flush))
        if self._totals is not None:
            self._totals.add(clusters)
        self._last_flush, self.latest = now, flush.counters
        seconds = min(interval, now - minute) if is_late else interval
        self._backlog.add(
            minute, clusters, seconds.total_seconds(), is_late=is_late, uncounted=self._counting.uncounted
        )
        if now >= self._next_cut and self._backlog.is_small:
            self._cut(now)
        self._rate = (
            flush.process,
            sum(measures.requests for measures in clusters.values()) / max(interval.total_seconds(), 1),
        )
        self._news.set()

    async def follow(self) -> None:
        """Write parts to the file, and adapt the sample, until cancelled."""
        while True:
            await self._news.wait()
            self._news.clear()
            await self.write()
            process, rate = self._rate
            await self._sampling.adapt(process, rate)
            await self._certificate_sampling.adapt(process, rate)

    async def close(self) -> None:
        """Write what isn't in the file yet."""
        self._cut(self._last_flush)
        await self.write()

    async def write(self) -> None:
        """Write the parts that aren't in the file yet, which may then be handed out."""
        if state := self._unwritten:
            self._unwritten = None
            await run_to_end(None, partial(self._memory.write, state))  # `close` writes the same file
            self._written = state.number
            self._ready.set()

    async def next_part(self) -> Part:
        """Wait for the oldest part that isn't acknowledged, and return it."""
        while True:
            part = next(iter(self._backlog.parts), None)
            if part and part.number <= self._written:
                return part
            self._ready.clear()
            await self._ready.wait()

    def acknowledge(self, number: int) -> None:
        """Forget the parts up to *number*, because a control plane has stored them."""
        self._backlog.acknowledge(number)

    def _cut(self, at: datetime) -> None:
        """Cut the open minute; *at* is the last flush in it."""
        self._backlog.cut()
        self._next_cut = self._now() + EVERY
        # The counters are never changed, only replaced.
        counters = dict(self._counting.last)
        self._unwritten = TrafficState(self.source, at, self._backlog.number, counters, self._backlog.parts)


def _find_minute(moment: datetime) -> datetime:
    return moment.replace(second=0, microsecond=0)
