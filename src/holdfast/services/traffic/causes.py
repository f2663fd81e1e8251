"""
Counts failed requests by cause, as gateways report them one by one.
"""

import asyncio
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial

from holdfast.services.failures.failed_calls import FailedCall
from holdfast.services.traffic.recording import LATE
from holdfast.store.database import Store
from holdfast.store.errors import StoreFailure
from holdfast.store.topics import Topic
from holdfast.store.traffic import parts
from holdfast.store.traffic.parts import Subject
from holdfast.work.threads import run_to_end

EVERY = 10.0  # seconds between two writes
MAX_COUNTS = 20_000  # that wait to be written; further ones aren't counted
Key = tuple[Subject, str, datetime, str]  # gateway, minute, cause


class CauseCounts:
    """
    Numbers of failed requests by API, gateway, minute and cause. Lives on one event loop.

    Gateways drop some reports if many requests fail, so these numbers can be lower than those of responses.
    """

    def __init__(self, store: Store, now: Callable[[], datetime]) -> None:
        self._store = store
        self._now = now
        self._counts: Counter[Key] = Counter()
        self._thread = ThreadPoolExecutor(1, "causes")

    def add(self, call: FailedCall) -> None:
        """Count a failed request of an API, if it began within the times that `TrafficRecording` counts."""
        # A gateway states the time. With any, it could add rows without end, and faster than old ones are deleted.
        if call.environment is None or call.at < self._now() - LATE:
            return
        subject = Subject(call.organization, call.api_id, call.environment)
        minute = call.at.replace(second=0, microsecond=0)
        key = subject, call.gateway, minute, call.reported_cause.value
        if key in self._counts or len(self._counts) < MAX_COUNTS:
            self._counts[key] += 1

    async def follow(self) -> None:
        """Write what was counted, until cancelled."""
        while True:
            await asyncio.sleep(EVERY)
            await self.write()

    async def write(self) -> None:
        """Write what was counted since the last call. Raises StoreFailure; then the counts are kept."""
        counts, self._counts = self._counts, Counter()
        try:
            await run_to_end(self._thread, partial(_write, self._store, counts))
        except StoreFailure:
            self._counts.update(counts)
            raise


def _write(store: Store, counts: Counter[Key]) -> None:
    if counts:
        with store.note(Topic.TRAFFIC) as session:
            parts.add_causes(session, [(*key, count) for key, count in counts.items()])
