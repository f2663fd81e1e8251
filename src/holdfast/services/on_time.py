"""
Steps that are taken at their time, without a request.
"""

import asyncio
import contextlib
from collections.abc import Callable
from datetime import datetime

from holdfast.services.background import AFTER_PUBLISHING, wake_on_write
from holdfast.store.database import Store, Transactions

LONGEST_SLEEP = 60.0  # seconds: clocks are adjusted, and machines are suspended
Step = Callable[[Store, datetime], datetime | None]


class OnTime:
    """Takes a step whenever it is due. Lives on one event loop."""

    def __init__(self, store: Store, step: Step, now: Callable[[], datetime]) -> None:
        """*step* runs in a thread, does what is due, and returns when it is due next; None: only after a change."""
        self._store = store
        self._step = step
        self._now = now
        self._wake = wake_on_write(store)

    async def begin(self) -> None:
        """Do what became due while Holdfast wasn't running."""
        await asyncio.to_thread(self._step, self._store, self._now())

    async def follow(self) -> None:
        """Take the step whenever it is due, until cancelled."""
        while True:
            self._wake.clear()
            following = await asyncio.to_thread(self._step, self._store, self._now())
            seconds = LONGEST_SLEEP if following is None else (following - self._now()).total_seconds()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(max(seconds, 0.0), LONGEST_SLEEP)):
                    await self._wake.wait()
                    await asyncio.sleep(AFTER_PUBLISHING)


async def repeat(
    step: Callable[[Transactions, datetime], object], now: Callable[[], datetime], pause: float, store: Transactions
) -> None:
    """Take a step in a thread every *pause* seconds, until cancelled."""
    while True:
        await asyncio.to_thread(step, store, now())
        await asyncio.sleep(pause)
