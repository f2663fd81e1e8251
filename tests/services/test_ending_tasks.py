"""Tasks end only after work whose successor would repeat it, or do it at the same time."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from holdfast.server.clock import utc_now
from holdfast.services.access.failed_sign_ins import FailedSignIns, Way
from holdfast.store.database import Store
from running import START_WITHIN
from services.notifying import Office


@dataclass
class SlowStore:
    """A store that reads only once it may."""

    store: Store
    asked: threading.Event = field(default_factory=threading.Event)
    may: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def read(self):
        self.asked.set()
        assert self.may.wait(START_WITHIN)
        with self.store.read() as session:
            yield session

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)


def evaluate(slow: Any, clock: Any) -> Coroutine[Any, Any, None]:
    return Office(slow.store, clock).clerk.follow(slow)


def write_failed_sign_ins(slow: Any, _: object) -> Coroutine[Any, Any, None]:
    failures = FailedSignIns()
    failures.add(Way.BASIC, "192.0.2.1", "anna")
    return failures.follow(slow, utc_now, lambda: 1)


@pytest.mark.parametrize("work", [evaluate, write_failed_sign_ins])
def test_a_task_that_is_cancelled_finishes_its_work(store, clock, work: Callable[..., Coroutine[Any, Any, None]]):
    slow = SlowStore(store)

    async def story():
        following = asyncio.create_task(work(slow, clock))
        assert await asyncio.to_thread(slow.asked.wait, START_WITHIN)
        following.cancel()
        for _ in range(10):
            await asyncio.sleep(0)
        assert not following.done()
        slow.may.set()
        async with asyncio.timeout(START_WITHIN):
            await asyncio.wait([following])

    asyncio.run(story())
