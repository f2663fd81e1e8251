"""
Looking at a backend, and asking the gateway itself whether it would accept it, before anything is saved.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Literal

import structlog

from holdfast.addresses import EVERYWHERE, AddressRefused, Network, NoAddress, Resolver, resolve
from holdfast.apis.endpoint import Endpoint
from holdfast.apis.errors import InvalidField
from holdfast.certificates.comparison import compare
from holdfast.certificates.findings import Finding, examine
from holdfast.certificates.trust import TrustSet
from holdfast.gateway.asking import Answer, Connection, NoAnswer, connection
from holdfast.gateway.cache import Cache, Gateway
from holdfast.gateway.causes import Cause, Explanation, cause_of, explain
from holdfast.gateway.probing import Question, question
from holdfast.gateway.public_roots import public_roots
from holdfast.probe import MOMENT, SECONDS, Obstacle, Presentation, Unseen, look
from holdfast.services.enforcement import FIRST_LOOK, LONGEST_LOOK, Warming
from holdfast.services.errors import TooManyTests
from holdfast.services.principal import Principal
from holdfast.services.tested_trust import Terms, read_https_endpoint

log = structlog.get_logger()
AT_ONCE = 4
MAX_WAITING = 16
WITHIN = 8.0  # seconds, once it has its turn
RESOLVED_WITHIN = 2.5
_FINER = {Cause.CHAIN_INCOMPLETE}
_TIMED_OUT, _WITHOUT_HOST = {"UT", "SI", "DPE"}, {"UH", "DF"}


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the gateway accepts a backend; by "none" when no gateway said anything, and then nothing is known."""

    accepted: bool
    cause: Cause | None = None
    reason: str = ""  # in the words of the gateway
    by: Literal["gateway", "none"] = "gateway"
    address: str = ""  # that the gateway connected to, with port; empty where it did not
    tls_version: str = ""
    cipher: str = ""
    fingerprint: str = ""  # SHA-256 of the certificate that the gateway verified; empty: it does not say

    @property
    def explanation(self) -> Explanation:
        """What it means and what to do."""
        if self.accepted:
            return Explanation("The gateway accepts this backend.", "")
        if self.cause is None:
            return Explanation(
                "No gateway answered, so it is not known whether this backend is accepted.", "Try again."
            )
        return explain(self.cause, self.reason)


@dataclass(frozen=True, slots=True)
class Probed:
    """What a backend presents, what is noticed about that, and the gateway's verdict."""

    endpoint: Endpoint
    presented: Presentation | Unseen
    verdict: Verdict
    findings: tuple[Finding, ...]


class Probes:
    """
    Looks at backends and asks the embedded gateway about them. Lives on one event loop.

    What a question needs is at the gateways only while it is asked.
    """

    def __init__(
        self,
        cache: Cache,
        gateway: str,
        socket: Path,
        warming: Warming,
        networks: Sequence[Network] = EVERYWHERE,
        *,
        resolver: Resolver | None = None,
        seconds: float = SECONDS,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """*gateway* is the id of the one that listens on *socket*; *seconds* is how long a backend is looked at."""
        self._cache = cache
        self._gateway = gateway
        self._socket = socket
        self._warming = warming
        self._networks = networks
        self._resolver = resolver
        self._seconds = seconds
        self._now = now
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._waiting = 0
        # Threads of its own, also for looks that were given up: slow backends must not take those of everything else.
        self._threads = ThreadPoolExecutor(2 * AT_ONCE, "probe")

    async def probe(self, who: Principal, endpoint: str, terms: Terms) -> Probed:
        """
        Look at the backend of *endpoint* and ask the gateway whether it would accept it on these *terms*.

        Raises:
            InvalidField: It is no https URL, or its addresses may not be connected to.
            TooManyTests: Too many wait for their turn.
        """
        target = read_https_endpoint(endpoint)
        async with self._turn():
            end = asyncio.get_running_loop().time() + WITHIN
            addresses = await self._resolve(target)
            if isinstance(addresses, Unseen):
                return Probed(target, addresses, Verdict(False, Cause.DNS_FAILURE, addresses.text, "none"), ())
            asked = question(f"probe/{secrets.token_hex(8)}", target, terms.trust, addresses, terms.client)
            looking = asyncio.ensure_future(self._look(addresses, target, asked.server_name))
            try:
                verdict = await self._ask_until(end, asked, target, looking, presents=terms.client is not None)
                presented = await looking
            finally:
                looking.cancel()
            refining = partial(_refined, verdict, presented, terms.trust, self._now())
            verdict = await asyncio.get_running_loop().run_in_executor(self._threads, refining)
            log.info("backend tested", organization=who.organization, user=who.user, origin=str(target.origin))
            return Probed(target, presented, verdict, _findings(presented, terms.trust, self._now()))

    async def fetch(self, who: Principal, endpoint: str, trust: TrustSet) -> Presentation | Unseen:
        """
        Look at the backend of *endpoint* without judging it; *trust* says which server name it is asked for.

        Raises:
            InvalidField: It is no https URL, or its addresses may not be connected to.
            TooManyTests: Too many wait for their turn.
        """
        target = read_https_endpoint(endpoint)
        async with self._turn():
            addresses = await self._resolve(target)
            if isinstance(addresses, Unseen):
                return addresses
            log.info("backend looked at", organization=who.organization, user=who.user, origin=str(target.origin))
            return await self._look(addresses, target, trust.server_name)

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        if self._turns.locked() and self._waiting >= MAX_WAITING:
            raise TooManyTests
        self._waiting += 1
        try:
            await self._turns.acquire()
        finally:
            self._waiting -= 1
        try:
            yield
        finally:
            self._turns.release()

    async def _resolve(self, target: Endpoint) -> list[str] | Unseen:
        found = partial(resolve, target.origin.host, self._networks, RESOLVED_WITHIN, self._resolver)
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, found)
        except NoAddress as error:
            return Unseen(Obstacle.DNS, str(error))
        except AddressRefused as error:
            message = f"Holdfast is not allowed to test {target.origin.host}; HOLDFAST_PROBE_NETWORKS says what it may."
            raise InvalidField("endpoint", message) from error

    async def _look(self, addresses: Sequence[str], target: Endpoint, server_name: str) -> Presentation | Unseen:
        looking = partial(look, addresses, target.origin.port, server_name, self._seconds)
        return await asyncio.get_running_loop().run_in_executor(self._threads, looking)

    async def _ask_until(
        self,
        end: float,
        asked: Question,
        target: Endpoint,
        looking: "asyncio.Future[Presentation | Unseen]",
        *,
        presents: bool,
    ) -> Verdict:
        try:
            async with asyncio.timeout_at(end):
                return await self._ask(asked, target, looking, presents=presents)
        except (NoAnswer, TimeoutError) as error:
            return Verdict(False, None, str(error) or "The gateway did not answer in time.", "none")

    async def _ask(
        self,
        asked: Question,
        target: Endpoint,
        looking: "asyncio.Future[Presentation | Unseen]",
        *,
        presents: bool,
    ) -> Verdict:
        self._cache.apply([*asked.secrets, asked.cluster])
        try:
            refused = await self._until_used(asked)
            if refused is not None:
                return Verdict(False, cause_of(refused), refused)
            async with connection(self._socket, asked.cluster.name, target.origin.authority) as made:
                return await _verdict(made, looking, presents=presents)
        finally:
            self._cache.apply([], asked.keys)

    async def _until_used(self, asked: Question) -> str | None:
        """Wait until the gateway uses what the question needs; give its words if it refuses that."""
        observer = self._cache.observe()
        try:
            while not self._acknowledged(asked):
                if refused := self._refusal(asked):
                    return refused
                await observer.wait()
                observer.clear()
        finally:
            self._cache.stop_observing(observer)
        pause = FIRST_LOOK
        while (warming := await self._warming()) is None or asked.cluster.name in warming:
            if refused := self._refusal(asked):
                return refused
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_LOOK)
        return None

    def _acknowledged(self, asked: Question) -> bool:
        if not self._gateways:
            raise NoAnswer("No gateway is connected.")
        return any(gateway.has(asked.keys[0], asked.cluster.version) for gateway in self._gateways)

    def _refusal(self, asked: Question) -> str | None:
        refused = (gateway.rejected.get(key) for gateway in self._gateways for key in asked.keys)
        return next((rejection.message for rejection in refused if rejection), None)

    @property
    def _gateways(self) -> list[Gateway]:
        return [gateway for gateway in self._cache.gateways if gateway.id == self._gateway]


async def _verdict(made: Connection, looking: "asyncio.Future[Presentation | Unseen]", *, presents: bool) -> Verdict:
    answer = made.answer
    if not answer.connected:
        return Verdict(False, _cause(answer, presents=presents), answer.reason or answer.flags)
    presented = await asyncio.shield(looking)
    asks = isinstance(presented, Presentation) and presented.asks_for_certificate
    if (asks or isinstance(presented, Unseen)) and await made.ends_within(MOMENT):
        return Verdict(False, _objection(presented, presents=presents), "connection closed after the handshake")
    return Verdict(
        True,
        address=answer.address,
        tls_version=answer.tls_version,
        cipher=answer.cipher,
        fingerprint=answer.fingerprint,
    )


def _objection(presented: Presentation | Unseen, *, presents: bool) -> Cause:
    """Say why a backend ended a connection that the gateway had accepted: in TLS 1.3 it says so after the handshake."""
    if isinstance(presented, Unseen) or not presented.asks_for_certificate:
        return Cause.OTHER
    return Cause.CLIENT_CERTIFICATE_REJECTED if presents else Cause.CLIENT_CERTIFICATE_REQUIRED


def _cause(answer: Answer, *, presents: bool) -> Cause:
    flags = set(answer.flags.split(","))
    return cause_of(
        answer.reason,
        timed_out=bool(flags & _TIMED_OUT),
        without_host=bool(flags & _WITHOUT_HOST),
        client_certificate=presents,
    )


def _refined(verdict: Verdict, presented: Presentation | Unseen, trust: TrustSet, now: datetime) -> Verdict:
    """Tell a missing intermediate from an unknown issuer: the gateway's words are the same for both."""
    if verdict.cause is not Cause.UNKNOWN_ISSUER or isinstance(presented, Unseen) or not presented.chain:
        return verdict
    mismatch = compare(presented.chain, trust, now, public_roots() if trust.public_roots else ())
    return replace(verdict, cause=Cause(mismatch.code)) if mismatch and mismatch.code in _FINER else verdict


def _findings(presented: Presentation | Unseen, trust: TrustSet, now: datetime) -> tuple[Finding, ...]:
    if isinstance(presented, Unseen):
        return ()
    # The names of those above the backend's own certificate are not looked at by anybody.
    references = [trust.accepted_names, *[()] * len(presented.chain)]
    judged = zip(presented.chain, references, strict=False)
    return tuple(finding for certificate, names in judged for finding in examine(certificate, names, now))
