"""
The state of an agent on disk, so that it can serve without a control plane.

An agent acknowledges an update once it is durable here, so the state is never older than what was acknowledged, and
trust whose removal was acknowledged can't come back. If it can't be written, it is invalidated: an agent that starts
then waits for a control plane instead of trusting what was removed.
"""

import asyncio
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path

from holdfast.gateway.agent.changes import Changes
from holdfast.gateway.agent.journal import Journal, LastState
from holdfast.gateway.discovery.cache import ResourceKey
from holdfast.gateway.resources.resource import Resource

RETRY_AFTER = 10.0  # seconds between attempts to write a state that couldn't be written


class LastKnownState:
    """
    The state in a directory, which belongs to one process.

    Read it before the first change. Everything slow runs in a thread; changes that arrive meanwhile are one record.
    """

    def __init__(self, directory: Path, now: Callable[[], datetime], retry_after: float = RETRY_AFTER) -> None:
        self._journal = Journal(directory, now, retry_after)
        self._retry_after = retry_after
        self._steps: list[Changes] = []
        self._waiters: list[asyncio.Future[None]] = []
        self._work: asyncio.Task[None] | None = None
        self._retry: asyncio.TimerHandle | None = None

    @property
    def problem(self) -> str | None:
        """Why the state isn't on disk, None if it is."""
        return self._journal.problem

    def read(self) -> LastState | None:
        """Return the last state without what has expired; None if there is none, or if it can't be used (logged)."""
        return self._journal.read()

    async def save(self, upserts: Iterable[Resource], removals: Iterable[ResourceKey] = ()) -> None:
        """
        Store a change (removals first); return once it is durable, or once an older state can no longer be read.

        It never fails because of the disk: `problem` and the log say what is wrong.
        """
        self._steps.append(Changes(tuple(upserts), tuple(removals)))
        waiter = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        self._begin()
        await waiter

    async def close(self) -> None:
        """Finish what has begun, and close the file."""
        if self._retry:
            self._retry.cancel()
        if self._work:
            await self._work
        self._journal.close()

    def _begin(self) -> None:
        if self._work is None or self._work.done():
            self._work = asyncio.create_task(self._write())

    async def _write(self) -> None:
        while True:
            steps, self._steps = self._steps, []
            waiters, self._waiters = self._waiters, []
            try:
                more = await asyncio.to_thread(self._journal.write, steps)
            except BaseException as error:
                for waiter in waiters:
                    if not waiter.done():
                        waiter.set_exception(error)
                raise
            for waiter in waiters:
                if not waiter.done():
                    waiter.set_result(None)
            if not more and not self._steps:
                break
        if self._journal.problem and (self._retry is None or self._retry.when() < asyncio.get_running_loop().time()):
            self._retry = asyncio.get_running_loop().call_later(self._retry_after, self._begin)
