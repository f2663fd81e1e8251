"""A clerk ends only after its evaluation, which its successor would repeat otherwise."""

import asyncio
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field

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


def test_a_clerk_that_is_cancelled_finishes_its_evaluation(store, clock):
    slow = SlowStore(store)

    async def story():
        following = asyncio.create_task(Office(store, clock).clerk.follow(slow))
        assert await asyncio.to_thread(slow.asked.wait, START_WITHIN)
        following.cancel()
        for _ in range(10):
            await asyncio.sleep(0)
        assert not following.done()
        slow.may.set()
        async with asyncio.timeout(START_WITHIN):
            await asyncio.wait([following])

    asyncio.run(story())
