"""
Checks about every minute which certificates backends use during a rotation.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime

import structlog

from holdfast.apis.errors import InvalidField
from holdfast.apis.trust.endpoint_certificate import EndpointCertificate, Generation
from holdfast.certificates.certificate import Certificate
from holdfast.network.presentation import Presentation
from holdfast.services.access.context import Context
from holdfast.services.access.principal import Principal
from holdfast.services.background import wake_on_write
from holdfast.services.control_planes.lease import LeaseLost
from holdfast.services.errors import Conflict, TooManyTests
from holdfast.services.probing.probes import Probes
from holdfast.services.probing.terms import find_terms_to_test
from holdfast.services.trust.rotation import find_generation, observe
from holdfast.store.database import Store, Transactions
from holdfast.store.errors import StoreBusy
from holdfast.store.sealing import Sealing
from holdfast.store.trust import endpoint_certificates

log = structlog.get_logger()
EVERY = 60.0  # seconds from the end of one round to the beginning of the next
AT_MOST = 50  # backends in one round, the least recently checked first
AT_ONCE = 10
PATIENCE = 15.0  # seconds for one backend
APPLY_TIME = 0.5  # seconds after a change until gateways have applied it

Probe = Callable[[str, str], Awaitable[Sequence[Certificate] | None]]


class RotationProbes:
    """Checks the backends of all aliases with previous certificates. Lives on one event loop."""

    def __init__(self, store: Store, probe: Probe, now: Callable[[], datetime], interval: float = EVERY) -> None:
        """
        *probe* returns the chain that a backend presents (by organization and URL), its own certificate first.

        It returns None if the backend presents nothing, and should limit its own time.
        """
        self._store: Transactions = store
        self._probe = probe
        self._now = now
        self._interval = interval
        self._places = asyncio.Semaphore(AT_ONCE)
        self._wake = wake_on_write(store)

    async def probe_once(self, *, unseen: bool = False) -> None:
        """Check the backends that are due, or only those *unseen* so far, and record what they use."""
        due = await asyncio.to_thread(_find_due, self._store, unseen=unseen)
        await asyncio.gather(*(self._observe(organization, entry_id) for organization, entry_id in due))

    async def follow(self, store: Transactions) -> None:
        """Check now, then in regular rounds and soon after each change, until cancelled; *store* is for the results."""
        self._store = store
        clock, next_round = asyncio.get_running_loop().time, 0.0
        while True:
            # Even if there are changes all the time, a regular round is due.
            is_early = clock() < next_round and await self._wait_for_change(next_round)
            await self.probe_once(unseen=is_early)
            if not is_early:
                next_round = clock() + self._interval

    async def _wait_for_change(self, until: float) -> bool:
        """Wait for a change, but not beyond a time of the loop's clock; return whether there was one."""
        try:
            async with asyncio.timeout_at(until):
                await self._wake.wait()
        except TimeoutError:
            return False
        await asyncio.sleep(APPLY_TIME)
        self._wake.clear()
        return True

    async def _observe(self, organization: str, entry_id: str) -> None:
        async with self._places:
            try:
                entry = await asyncio.to_thread(_read, self._store, organization, entry_id)
                if entry and entry.previous:
                    chain = await self._fetch_chain(entry)
                    generation = await asyncio.to_thread(find_generation, entry, chain) if chain else None
                    await self._write(entry, generation)
            except Exception:
                # One backend must not keep the others from being checked.
                log.exception("backend cannot be checked", organization=organization, entry=entry_id)

    async def _write(self, entry: EndpointCertificate, generation: Generation | None) -> None:
        while True:
            try:
                await asyncio.to_thread(observe, self._store, entry, generation, self._now())
            except StoreBusy as busy:
                await asyncio.sleep(busy.seconds)
            except LeaseLost:  # this work is about to be cancelled
                return
            else:
                return

    async def _fetch_chain(self, entry: EndpointCertificate) -> Sequence[Certificate] | None:
        try:
            async with asyncio.timeout(PATIENCE):
                return await self._probe(entry.organization, entry.endpoint)
        except Exception:
            # A backend that can't be checked has had its turn all the same.
            log.exception("checking a backend failed", organization=entry.organization, endpoint=entry.endpoint)
            return None


def _find_due(store: Transactions, *, unseen: bool) -> list[tuple[str, str]]:
    with store.read() as session:
        return endpoint_certificates.list_in_rotation(session, AT_MOST, unseen=unseen)


def _read(store: Transactions, organization: str, entry_id: str) -> EndpointCertificate | None:
    with store.read() as session:
        return endpoint_certificates.get_by_id(session, organization, entry_id)


async def fetch_accepted_chain(
    store: Store, sealing: Sealing, probes: Probes, now: Callable[[], datetime], organization: str, endpoint: str
) -> Sequence[Certificate] | None:
    """
    Return the chain that the backend of *endpoint* presents, its own certificate first, if the gateway accepts it.

    None if the gateway rejects it, can't be asked, or saw a different certificate from the one that was fetched.
    """
    context = Context(store, Principal(organization, "holdfast"), now())
    try:
        terms = await asyncio.to_thread(find_terms_to_test, context, sealing, endpoint)
        outcome = await probes.probe(context.user, endpoint, terms)
    except (Conflict, InvalidField, TooManyTests) as error:
        log.info("backend cannot be checked", organization=organization, endpoint=endpoint, reason=str(error))
        return None
    presentation, verdict = outcome.presentation, outcome.verdict
    if not verdict.accepted or not isinstance(presentation, Presentation) or not presentation.chain:
        return None
    return presentation.chain if presentation.chain[0].fingerprint == verdict.fingerprint else None
