"""
Trust exceptions end by themselves: at their time, whatever else happens.
"""

import asyncio
import contextlib
from functools import partial

import structlog

from holdfast.services.runtime import utc_now
from holdfast.services.trust_settings import end_exceptions
from holdfast.store.database import Store

log = structlog.get_logger()
LONGEST_SLEEP = 60.0  # seconds; clocks are set, machines sleep
RETRY = 1.0


class ExceptionsEnd:
    """Ends exceptions when their time is over. Lives on one event loop."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """End what ended while nobody was here, then follow the others."""
        self._store.on_write(partial(asyncio.get_running_loop().call_soon_threadsafe, self._wake.set))
        await asyncio.to_thread(end_exceptions, self._store, utc_now())
        self._task = asyncio.create_task(self._follow())

    async def stop(self) -> None:
        """Follow nothing any longer; the gateways drop by themselves what has ended."""
        if self._task:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _follow(self) -> None:
        while True:
            self._wake.clear()
            try:
                following = await asyncio.to_thread(end_exceptions, self._store, utc_now())
                left = LONGEST_SLEEP if following is None else (following - utc_now()).total_seconds()
            except Exception:
                log.exception("exceptions cannot be ended", again_in_seconds=RETRY)
                left = RETRY
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), min(max(left, 0.0), LONGEST_SLEEP))
