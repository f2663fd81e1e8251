"""
Watches what the backends of all https endpoints present, and records changes.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

import structlog

from holdfast.services.background import wake_on_write
from holdfast.services.errors import Conflict
from holdfast.services.watch import checks, rounds
from holdfast.services.watch.observation import Observation
from holdfast.services.watch.rounds import DueCheck
from holdfast.services.watch.watch_probes import WatchProbes
from holdfast.store.database import Notes, Store
from holdfast.store.errors import StoreBusy
from holdfast.store.sealing import Sealing
from holdfast.store.watch.progress import Progress
from holdfast.store.watch.watched_endpoints import Place

log = structlog.get_logger()
PATIENCE = 30.0  # seconds for one backend
COLLECTION_TIME = 1.0  # seconds after a change until it is taken into account, together with others
PAUSES = 360  # in an interval: times at which backends that are due are checked
SHORTEST_PAUSE, LONGEST_PAUSE = 0.2, 60.0  # seconds
WITHOUT_GATEWAY = 5.0  # seconds until it looks for one again
REST_FACTOR = 3.0  # a rest compared with the group of checks before it; requests then have the processor
SHORTEST_REST, LONGEST_REST = 0.2, 1.0  # seconds
UNSEEN_AFTER = timedelta(minutes=10)  # until a backend is tried again that no gateway can probe
MAX_CLOCK_SKEW = timedelta(minutes=5)  # between control planes
AT_ONCE = 50  # origins whose trust has changed that are compared in one step


def find_rest(seconds: float) -> float:
    """Return how many seconds to rest after checks that took *seconds*."""
    return min(max(REST_FACTOR * seconds, SHORTEST_REST), LONGEST_REST)


class Watch:
    """Checks each https origin that APIs use once in an *interval*. Lives on one event loop."""

    def __init__(
        self, store: Store, sealing: Sealing, probes: WatchProbes, now: Callable[[], datetime], interval: timedelta
    ) -> None:
        self._store: Notes = store
        self._sealing = sealing
        self._probes = probes
        self._now = now
        self._interval = interval
        self._pause = min(max(interval.total_seconds() / PAUSES, SHORTEST_PAUSE), LONGEST_PAUSE)
        self._wake = wake_on_write(store)
        self._turns = asyncio.Semaphore(probes.at_once)
        self._progress: Progress | None = None
        self._unseen: dict[Place, datetime] = {}  # no gateway can probe these until then

    async def follow(self, store: Notes) -> None:
        """Check backends when they are due, until cancelled; *store* is for what was seen."""
        self._store, self._progress = store, None  # another control plane may have done it in the meantime
        while True:
            await self.check_all_due()
            pause = self._pause if self._probes.can_probe else min(self._pause, WITHOUT_GATEWAY)
            try:
                async with asyncio.timeout(pause):
                    await self._wake.wait()
            except TimeoutError:
                continue
            await asyncio.sleep(COLLECTION_TIME)
            await self.follow_trust()

    async def check_all_due(self) -> None:
        """Check backends until none is due, and warn if that takes longer than the interval."""
        clock = asyncio.get_running_loop().time
        began, is_done = clock(), False
        while not is_done:
            is_done = not await self.check_due()
            if clock() - began > self._interval.total_seconds():
                log.warning(
                    "backends are checked late",
                    reason="A round takes longer than the interval. Increase it or HOLDFAST_WATCH_CONCURRENCY.",
                )
                began = clock()

    async def check_due(self) -> bool:
        """
        Check the backends that are due, in groups, with rests in between.

        Return True if there are new endpoints in the meantime: they are first among those that are left. Trust that
        has changed is taken into account.
        """
        clock = asyncio.get_running_loop().time
        began, watch_progress, now = clock(), await self._begin(), self._now()
        if watch_progress.checked_until > now + MAX_CLOCK_SKEW:
            # It was written while a clock was wrong; otherwise, nothing would be checked until then.
            self._progress = watch_progress = replace(watch_progress, checked_until=now)
            self._unseen.clear()
        if not self._probes.can_probe:
            return False
        due = await self._probes.run(
            lambda: rounds.find_due(self._store, watch_progress.checked_until, self._interval, now)
        )
        due = [endpoint for endpoint in due if self._unseen.get(endpoint.place, now) <= now]
        size = self._probes.at_once
        for start in range(0, len(due), size):
            group, is_last = due[start : start + size], start + size >= len(due)
            observations = await asyncio.gather(*(self._check(endpoint.place) for endpoint in group))
            await self._save([observation for observation in observations if observation], group, now, is_last=is_last)
            # Other changes must not begin the round again: reading all endpoints after each group takes long.
            has_new = self._wake.is_set() and await self.follow_trust()
            if has_new or not is_last:
                await asyncio.sleep(find_rest(clock() - began))
            if has_new:
                return True
            began = clock()
        return False

    async def follow_trust(self) -> bool:
        """
        Compare what backends present with trust that has changed, without probing them again.

        Return whether a changed API has an endpoint that isn't watched yet.
        """
        self._wake.clear()
        watch_progress = await self._begin()
        news = await self._probes.run(lambda: rounds.find_news(self._store, watch_progress.change))
        for start in range(0, len(news.places), AT_ONCE):
            group = news.places[start : start + AT_ONCE]
            observations = await self._probes.run(partial(self._reassess, group))
            if observations:
                await self._write(observations, watch_progress)
        self._progress = replace(await self._begin(), change=news.change)
        return news.has_new_endpoint

    async def _begin(self) -> Progress:
        if self._progress is None:
            self._progress = await self._probes.run(lambda: rounds.begin(self._store, self._now()))
        return self._progress

    async def _check(self, place: Place) -> Observation | None:
        """Return what has changed at *place*; None: nothing, or it can't be checked now."""
        async with self._turns:
            try:
                async with asyncio.timeout(PATIENCE):
                    now = self._now()
                    subject = await self._probes.run(
                        lambda: checks.read_subject(self._store, self._sealing, place, now)
                    )
                    if subject is None:
                        return None
                    observation = await checks.check(self._store, self._probes, subject, now)
            except Conflict as error:
                log.info("backend not watched", organization=place[0], origin=place[1], reason=str(error))
            except Exception:
                # One backend must not keep the others from being checked.
                log.exception("backend cannot be watched", organization=place[0], origin=place[1])
            else:
                if observation:
                    self._unseen.pop(place, None)
                    return observation if observation.endpoint != subject.endpoint else None
        self._unseen[place] = self._now() + UNSEEN_AFTER
        return None

    def _reassess(self, places: Sequence[Place]) -> list[Observation]:
        observations = []
        for place in places:
            try:
                observation = checks.reassess(self._store, self._sealing, place, self._now())
            except Conflict as error:
                log.info("backend not watched", organization=place[0], origin=place[1], reason=str(error))
            else:
                if observation:
                    observations.append(observation)
        return observations

    async def _save(
        self, observations: Sequence[Observation], group: Sequence[DueCheck], now: datetime, *, is_last: bool
    ) -> None:
        """Write *observations*, and that the checks of *group* are done."""
        watch_progress = await self._begin()
        slots = [check.slot for check in group if check.slot]
        if is_last:
            watch_progress = replace(watch_progress, checked_until=max(watch_progress.checked_until, now))
        elif slots:
            watch_progress = replace(watch_progress, checked_until=slots[-1])
        if observations or watch_progress != self._progress:
            await self._write(observations, watch_progress)

    async def _write(self, observations: Sequence[Observation], watch_progress: Progress) -> None:
        while True:
            try:
                await self._probes.run(lambda: rounds.save(self._store, observations, watch_progress))
            except StoreBusy as busy:
                await asyncio.sleep(busy.seconds)
            else:
                self._progress = watch_progress
                return
