"""
Work that may take only a share of the time of a CPU, however often it is due.
"""

import asyncio
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


class Pace:
    """Runs functions in a thread, one after another in order of arrival, with rests. Lives on one event loop."""

    def __init__(self, share: float, clock: Callable[[], float] = time.thread_time) -> None:
        """
        *share* is the part of the time of one CPU that the functions may take together: above 0, at most 1.

        *clock* returns the CPU seconds that the current thread has used.
        """
        self._rest = 1 / share - 1  # for each second of work
        self._clock = clock
        self._turn = asyncio.Lock()
        self._rested_at = 0.0  # on the event loop's clock

    async def run(self, work: Callable[[], T]) -> T:
        """Wait for the turn of *work* and for the rest after what ran before; return or raise what *work* does."""
        now = asyncio.get_running_loop().time
        seconds = 0.0

        def measure() -> T:
            nonlocal seconds
            began = self._clock()
            try:
                return work()
            finally:
                seconds = self._clock() - began

        async with self._turn:
            await asyncio.sleep(self._rested_at - now())
            try:
                return await asyncio.to_thread(measure)
            finally:
                self._rested_at = now() + seconds * self._rest
