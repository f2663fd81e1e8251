"""
What happens by itself: at its time, whatever else happens.
"""

import asyncio
import contextlib
from collections.abc import Callable
from datetime import datetime
from functools import partial

import structlog

from holdfast.services.runtime import utc_now
from holdfast.store.database import Store

log = structlog.get_logger()
LONGEST_SLEEP = 60.0  # seconds; clocks are set, machines sleep
RETRY = 1.0
Step = Callable[[Store, datetime], datetime | None]


class OnTime:
    """Takes a step whenever it is due. Lives on one event loop."""

    def __init__(self, store: Store, step: Step) -> None:
        """*step* does in a thread what is due at a time, and says when it is due again; None: only after a change."""
        self._store = store
        self._step = step
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Do what was due while nobody was here, then follow what comes."""
        self._store.on_write(partial(asyncio.get_running_loop().call_soon_threadsafe, self._wake.set))
        await asyncio.to_thread(self._step, self._store, utc_now())
        self._task = asyncio.create_task(self._follow())

    async def stop(self) -> None:
        """Follow nothing any longer."""
        if self._task:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _follow(self) -> None:
        while True:
            self._wake.clear()
            try:
                following = await asyncio.to_thread(self._step, self._store, utc_now())
                left = LONGEST_SLEEP if following is None else (following - utc_now()).total_seconds()
            except Exception:
                log.exception("what is due cannot be done", again_in_seconds=RETRY)
                left = RETRY
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), min(max(left, 0.0), LONGEST_SLEEP))
