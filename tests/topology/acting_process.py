"""
A process that acts as long as it has the lease: it writes a row again and again, with the term of its tenure.

    python acting_process.py URL NAME

The lease and the patience of the database with a stopped process are shorter than in production.
"""

import asyncio
import sys
import time
from datetime import timedelta

from sqlalchemy import text

from holdfast.server.clock import utc_now
from holdfast.services.background import Background
from holdfast.services.control_planes.lease import Lease, LeasedStore
from holdfast.store.database import Store, Transactions
from holdfast.store.postgresql import engine
from holdfast.store.postgresql.location import parse_location

LASTS = timedelta(seconds=0.5)
engine.WRITER_IDLE = LASTS.total_seconds()  # as in production, where both are 10 s


def act(store: LeasedStore) -> None:
    """Decide to write a row, which takes some time, and write it, so that it is often stopped in between."""
    time.sleep(0.02)
    with store.write() as session:
        values = {"holder": store.tenure.holder, "term": store.tenure.term}
        session.execute(text("INSERT INTO act (holder, term) VALUES (:holder, :term)"), values)


async def work(store: Transactions) -> None:
    """Act until cancelled."""
    assert isinstance(store, LeasedStore)
    while True:
        await asyncio.to_thread(act, store)


async def run(url: str, name: str) -> None:
    """Take part in the lease forever."""
    lease = Lease(Store(parse_location(url), utc_now()), name, shared=True, lasts=LASTS)
    async with Background() as background:
        background.start("lease", lease.follow)
        background.start("work", lambda: lease.run(work))
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(run(*sys.argv[1:]))
