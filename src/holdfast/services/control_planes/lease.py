"""
The lease for work that one control plane does for all: takes and renews it, and stops the work when it ends.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta

import structlog
from sqlalchemy.orm import Session

from holdfast.services.background import wake_on_write
from holdfast.store.clock import read_database_time
from holdfast.store.control_planes import leases
from holdfast.store.control_planes.leases import Tenure
from holdfast.store.database import Notes, Store
from holdfast.store.errors import StoreFailure, StoreUnreachable
from holdfast.store.topics import Topic

log = structlog.get_logger()
TASKS = "tasks"  # the name of the only lease: one control plane does all such work
RENEWALS = 5  # attempts to renew it before it ends

Work = Callable[[Notes], Awaitable[object]]


class LeaseLost(StoreFailure):
    """Another control plane may do the work now, so nothing was written."""

    def __init__(self) -> None:
        super().__init__("Another control plane does this work now.", "Nothing was changed.")


@dataclass(frozen=True, slots=True)
class LeasedStore:
    """A database that can be written only while *tenure* lasts."""

    store: Store
    tenure: Tenure

    @contextmanager
    def read(self) -> Iterator[Session]:
        """Run queries that all see the same state of the database. Raises StoreFailure."""
        with self.store.read() as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """
        Run one transaction, during which no other control plane can take the lease.

        A process that was stopped, and continues after others have taken over, therefore writes nothing. Raises
        LeaseLost and, as `Store.write` does, StoreFailure.
        """
        with self.store.write() as session:
            if not leases.holds(session, self.tenure):
                raise LeaseLost
            yield session

    @contextmanager
    def note(self, topic: Topic) -> Iterator[Session]:
        """Write about the installation, as `Store.note` does. Raises LeaseLost and StoreFailure, as `write` does."""
        with self.store.note(topic) as session:
            if not leases.holds(session, self.tenure):
                raise LeaseLost
            yield session

    def release(self) -> None:
        """Do nothing, because each read ends with its block."""


class Lease:
    """
    The lease, which this control plane has or waits for. Lives on one event loop; `is_held` can be read anywhere.

    Unless *shared*, there is no other control plane, so this one has it without asking the database.
    """

    def __init__(self, store: Store, holder: str, *, shared: bool, lasts: timedelta = leases.LASTS) -> None:
        """*holder* is the id of this control plane."""
        self._store = store
        self._holder = holder
        self._shared = shared
        self._lasts = lasts
        self._tenure: Tenure | None = None
        self._expiry: asyncio.TimerHandle | None = None
        self._change = asyncio.Event()
        self._wake: asyncio.Event | None = None
        self._thread = ThreadPoolExecutor(1, "lease")  # its own, because the shared ones may wait for the database

    @property
    def is_held(self) -> bool:
        """Whether this control plane has the lease, as far as it knows; a LeasedStore knows exactly."""
        return not self._shared or self._tenure is not None

    async def follow(self) -> None:
        """Take the lease when it is free, and renew it, until cancelled."""
        if not self._shared:
            await asyncio.Event().wait()
        self._wake = self._wake or wake_on_write(self._store, Topic.CONTROL_PLANES)  # others that stop, for example
        loop = asyncio.get_running_loop()
        while True:
            self._wake.clear()
            began = loop.time()
            try:
                tenure = await loop.run_in_executor(self._thread, self._take)
            except StoreUnreachable:
                pass  # the store logs it once
            except StoreFailure as error:
                log.warning("lease not renewed", reason=str(error))
            else:
                self._hold(tenure, began + self._lasts.total_seconds())
            with suppress(TimeoutError):
                async with asyncio.timeout(self._lasts.total_seconds() / RENEWALS):
                    await self._wake.wait()

    async def run(self, work: Work) -> None:
        """Run *work* while this control plane has the lease, until cancelled; *work* gets the database to use."""
        while self._shared:
            await self._wait_until(lambda: self._tenure is not None)
            await self._run(work, self._tenure)
        await work(self._store)

    async def end(self) -> None:
        """End the lease, so that another control plane takes it at once. Raises StoreFailure."""
        try:
            if self._shared:  # without a tenure, too: `follow` may have been cancelled while it took the lease
                await asyncio.get_running_loop().run_in_executor(self._thread, self._give_up)
        finally:
            self._hold(None, 0.0)
            self._thread.shutdown(wait=False)

    async def _run(self, work: Work, tenure: Tenure | None) -> None:
        """Run *work* until it fails, or until *tenure* ends."""
        assert tenure  # noqa: S101 - the caller has waited for it
        working = asyncio.ensure_future(work(LeasedStore(self._store, tenure)))
        end = asyncio.ensure_future(self._wait_until(lambda: self._tenure != tenure))
        try:
            await asyncio.wait({working, end}, return_when=asyncio.FIRST_COMPLETED)
            if working.done():
                working.result()
                raise RuntimeError("Work that should continue has ended.")
        except LeaseLost:
            if self._tenure == tenure:  # until the next renewal finds out who has it
                self._hold(None, 0.0)
        finally:
            working.cancel()
            end.cancel()
            await asyncio.gather(working, end, return_exceptions=True)

    async def _wait_until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            await self._change.wait()

    def _take(self) -> Tenure | None:
        with self._store.note(Topic.LEASES) as session:
            now = read_database_time(session)
            # Others only read, so that they never wait for a transaction of the holder.
            if leases.is_free(session, TASKS, self._holder, now):
                return leases.take(session, TASKS, self._holder, now, self._lasts)
        return None

    def _give_up(self) -> None:
        with self._store.note(Topic.CONTROL_PLANES) as session:
            leases.give_up(session, TASKS, self._holder, read_database_time(session))

    def _hold(self, tenure: Tenure | None, ends: float) -> None:
        """Hold the lease as *tenure* until *ends*, on the loop's clock, which is earlier than in the database."""
        if self._expiry:
            self._expiry.cancel()
        self._expiry = asyncio.get_running_loop().call_at(ends, self._hold, None, 0.0) if tenure else None
        if tenure != self._tenure:
            log.info("lease taken" if tenure else "lease lost", name=TASKS)
            self._tenure = tenure
            self._change.set()
            self._change = asyncio.Event()
