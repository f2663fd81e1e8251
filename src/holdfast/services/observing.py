"""
Looks, about every minute, which certificates the backends use whose certificates are being rotated.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from functools import partial

import structlog

from holdfast.apis.endpoint_certificate import EndpointCertificate
from holdfast.certificates.certificate import Certificate
from holdfast.services.rotation import observe, uses
from holdfast.services.runtime import utc_now
from holdfast.store import endpoint_certificates
from holdfast.store.database import Store

log = structlog.get_logger()
EVERY = 60.0  # seconds from the end of one round to the beginning of the next
AT_MOST = 50  # backends in one round; those that were not looked at for longest come first
AT_ONCE = 10
PATIENCE = 15.0  # seconds for one look
SETTLED = 0.5  # seconds after a change until gateways have followed

Look = Callable[[str, str], Awaitable[Sequence[Certificate] | None]]


class Observing:
    """Looks at the backends of all aliases that have previous certificates. Lives on one event loop."""

    def __init__(self, store: Store, look: Look, now: Callable[[], datetime] = utc_now, every: float = EVERY) -> None:
        """
        *look* is asked for the chain that the backend of an endpoint presents, by organization and URL.

        The backend's own certificate is the first; None when it shows nothing. It should bound its time itself.
        """
        self._store = store
        self._look = look
        self._now = now
        self._every = every
        self._places = asyncio.Semaphore(AT_ONCE)
        self._wake = asyncio.Event()
        self._next = 0.0  # of the loop's clock: when all have their turn again
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Look now, again and again, and soon after each change."""
        self._store.on_write(partial(asyncio.get_running_loop().call_soon_threadsafe, self._wake.set))
        self._task = asyncio.create_task(self._go_on())

    async def stop(self) -> None:
        """Look no longer."""
        if self._task:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def look_once(self, *, unseen: bool = False) -> None:
        """Look at the backends whose turn it is, or only at those *unseen* so far, and write down what they use."""
        due = await asyncio.to_thread(_due, self._store, unseen=unseen)
        await asyncio.gather(*(self._observe(organization, entry_id) for organization, entry_id in due))

    async def _go_on(self) -> None:
        woken = False
        while True:
            try:
                await self.look_once(unseen=woken)
            except Exception:
                # One round that fails may not end all that would follow.
                log.exception("observing failed", again_in_seconds=self._every)
            woken = await self._wait()

    async def _wait(self) -> bool:
        """Wait for the next round; say whether a change made it come early."""
        try:
            await asyncio.wait_for(self._wake.wait(), max(self._next - asyncio.get_running_loop().time(), 0))
        except TimeoutError:
            self._next = asyncio.get_running_loop().time() + self._every
            return False
        await asyncio.sleep(SETTLED)
        self._wake.clear()
        return True

    async def _observe(self, organization: str, entry_id: str) -> None:
        async with self._places:
            try:
                entry = await asyncio.to_thread(_read, self._store, organization, entry_id)
                if entry and entry.previous:
                    chain = await self._chain(entry)
                    generation = await asyncio.to_thread(uses, entry, chain) if chain else None
                    await asyncio.to_thread(observe, self._store, entry, generation, self._now())
            except Exception:
                # One backend may not keep the others from being looked at.
                log.exception("backend cannot be observed", organization=organization, entry=entry_id)

    async def _chain(self, entry: EndpointCertificate) -> Sequence[Certificate] | None:
        try:
            async with asyncio.timeout(PATIENCE):
                return await self._look(entry.organization, entry.endpoint)
        except Exception:
            # What cannot be looked at has had its turn all the same.
            log.exception("looking at a backend failed", organization=entry.organization, endpoint=entry.endpoint)
            return None


def _due(store: Store, *, unseen: bool) -> list[tuple[str, str]]:
    with store.read() as session:
        return endpoint_certificates.in_rotation(session, AT_MOST, unseen=unseen)


def _read(store: Store, organization: str, entry_id: str) -> EndpointCertificate | None:
    with store.read() as session:
        return endpoint_certificates.with_id(session, organization, entry_id)
