"""
A limit on how many things per second one sender can cause.
"""

import asyncio


class Budget:
    """A limit on things per second; who spends more waits. Lives on one event loop."""

    def __init__(self, per_second: int) -> None:
        self._per_second = per_second
        self._ends = 0.0  # when the current second ends, on the event loop's clock
        self._spent = 0

    async def spend(self, number: int) -> None:
        """Count *number*, and wait for the next second if the limit is reached."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        if now >= self._ends:
            self._ends, self._spent = now + 1, 0
        self._spent += number
        if self._spent >= self._per_second:
            await asyncio.sleep(self._ends - now)
