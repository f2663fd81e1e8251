"""
Tests of a backend: what it presents, and whether the gateway would accept it, without saving anything.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import TypeVar
from weakref import WeakValueDictionary

import structlog

from holdfast.apis.catalog.connection_settings import (
    DEFAULT_CONNECTION,
    ConnectionSettings,
    Protocol,
)
from holdfast.apis.catalog.endpoint import Endpoint, parse_endpoint
from holdfast.gateway.control.service import Connection, Control
from holdfast.gateway.failures.causes import Cause, classify_reason
from holdfast.gateway.probing.connection import NoAnswer, ProbeRejected
from holdfast.gateway.probing.resources import ProbeResources, build_probe, make_name
from holdfast.gateway.resources.backend_limits import DEFAULT_LIMITS, BackendLimits
from holdfast.gateway.resources.clusters import choose_protocol
from holdfast.network.addresses import (
    EVERYWHERE,
    Network,
    Resolver,
)
from holdfast.network.backend import MOMENT, SECONDS
from holdfast.network.presentation import FailedHandshake, Obstacle, Presentation
from holdfast.services.access.principal import Principal
from holdfast.services.errors import TooManyTests
from holdfast.services.probing.acceptance import accept, needs_second_answer
from holdfast.services.probing.advice import advise
from holdfast.services.probing.offers import list_offers
from holdfast.services.probing.outcomes import CheckOutcome, ProbeOutcome
from holdfast.services.probing.places import Place, Places, Serves, resolve_at
from holdfast.services.probing.terms import Terms, read_https_endpoint
from holdfast.services.probing.verdicts import (
    UNCLEAR,
    Verdict,
    examine_presentation,
    is_mended,
    judge_certificates,
    judge_connection,
    judge_head,
    judge_refusal,
    refine,
)
from holdfast.work.shares import Shares

T = TypeVar("T")
log = structlog.get_logger()
AT_ONCE = 4
AT_ONCE_OF_USER = 2
PLACES = 20  # at once or waiting
PLACES_OF_USER = 6
WITHIN = 8.0  # seconds, from when it gets its turn


class Probes:
    """Fetches what backends present, and asks a gateway for its verdict. Lives on one event loop."""

    def __init__(
        self,
        control: Control,
        local: str,
        networks: Sequence[Network] = EVERYWHERE,
        *,
        serves: Serves = lambda *_: False,
        limits: BackendLimits = DEFAULT_LIMITS,
        resolver: Resolver | None = None,
        seconds: float = SECONDS,
        rejects_http2: Callable[[str, Endpoint], None] = lambda *_: None,
        now: Callable[[], datetime],
    ) -> None:
        """
        *local* is the name of the gateway on this machine; *serves* returns whether another one (by name) has one of
        the clusters with these names, or is on the machine of another control plane. *limits* are those for traffic;
        *seconds* is the time limit for fetching what a backend presents.

        *rejects_http2* is called in a thread, with organization and endpoint, if a backend negotiates HTTP/2 but
        responds to a check only over HTTP/1.1.
        """
        self._control = control
        self._limits = limits
        self._rejects_http2 = rejects_http2
        self._now = now
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._turns_of: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()  # by account
        self._queue = Shares(PLACES, PLACES_OF_USER)
        # A separate pool, which also holds fetches that timed out: slow backends must not block other work.
        self._threads = ThreadPoolExecutor(2 * AT_ONCE, "probe")
        self._places = Places(control, local, networks, serves, resolver, seconds, self._threads)

    @property
    def gateways(self) -> list[str]:
        """The names of the connected gateways, any of which a test can name; threads may read it."""
        return self._places.gateways

    async def probe(self, user: Principal, endpoint: str, terms: Terms, gateway: str = "") -> ProbeOutcome:
        """
        Fetch what the backend of *endpoint* presents, and ask the gateway whether it accepts it on these *terms*.

        Both from the machine of *gateway*; without one, from this machine, or, if its gateway isn't connected, from
        that of another one that serves the endpoint.

        Raises:
            InvalidField: It isn't an https URL, probes can't connect to its addresses, or the gateway can't be asked.
            TooManyTests: The queue is full.
        """
        target, place = read_https_endpoint(endpoint), self._places.choose(gateway, terms)
        async with self._turn(user):
            end = asyncio.get_running_loop().time() + WITHIN
            addresses = await resolve_at(place, target.origin.host)
            if isinstance(addresses, FailedHandshake):
                unknown = _explain_unresolved(addresses)
                acceptance = accept(unknown, None, addresses, terms)
                return ProbeOutcome(target, addresses, unknown, (), acceptance, place.gateway)
            probe = build_probe(make_name(), target, terms.trust, addresses, terms.identity, self._limits)
            handshake = asyncio.ensure_future(place.probe_backend(addresses, target.origin.port, probe.server_name))
            try:
                judge = partial(judge_connection, handshake=handshake, presents=terms.identity is not None)
                verdict = await self._probe_until(place, end, probe, judge)
                presentation = await handshake
                without = None
                if needs_second_answer(verdict, terms):
                    rest = build_probe(
                        make_name(), target, terms.without_upload, addresses, terms.identity, self._limits
                    )
                    without = await self._probe_until(place, end, rest, judge)
            finally:
                handshake.cancel()
            verdict = await self._refine(place, end, verdict, presentation, target, terms, addresses)
            acceptance = await self._run_in_thread(partial(accept, verdict, without, presentation, terms))
            log.info("backend tested", organization=user.organization, user=user.name, origin=str(target.origin))
            findings = examine_presentation(presentation, terms.trust, self._now())
            return ProbeOutcome(target, presentation, verdict, findings, acceptance, place.gateway)

    async def fetch(
        self, user: Principal, endpoint: str, terms: Terms, gateway: str = ""
    ) -> tuple[Presentation | FailedHandshake, str]:
        """
        Fetch what the backend of *endpoint* presents, without a verdict; the trust of *terms* determines the SNI.

        Returns it with the name of the gateway from whose machine it was fetched.

        Raises:
            InvalidField: It isn't an https URL, probes can't connect to its addresses, or the gateway can't be asked.
            TooManyTests: The queue is full.
        """
        target, place = read_https_endpoint(endpoint), self._places.choose(gateway, terms)
        async with self._turn(user):
            addresses = await resolve_at(place, target.origin.host)
            if isinstance(addresses, FailedHandshake):
                return addresses, place.gateway
            log.info("backend fetched", organization=user.organization, user=user.name, origin=str(target.origin))
            return await place.probe_backend(addresses, target.origin.port, terms.trust.server_name), place.gateway

    async def check(
        self,
        user: Principal,
        endpoint: str,
        terms: Terms | None,
        connection: ConnectionSettings = DEFAULT_CONNECTION,
        gateway: str = "",
    ) -> CheckOutcome:
        """
        Let the gateway send one HEAD request to the backend of *endpoint* on these *terms* (None only for http).

        The request uses the protocol in *connection*, as traffic does. If that is automatic and the backend rejects
        HTTP/2, it is sent again over HTTP/1.1. Redirects aren't followed, and only the status is read.

        Raises:
            InvalidField: It isn't the URL of an endpoint, probes can't connect to its addresses, or the gateway can't
                be asked.
            TooManyTests: The queue is full.
        """
        target = replace(parse_endpoint(endpoint), connection=connection)
        place = self._places.choose(gateway, terms)
        async with self._turn(user):
            end = asyncio.get_running_loop().time() + WITHIN
            addresses = await resolve_at(place, target.origin.host)
            if isinstance(addresses, FailedHandshake):
                return CheckOutcome(target, 0, _explain_unresolved(addresses), place.gateway)
            answer = await self._send_head(place, end, target, terms, addresses)
            if isinstance(answer, Verdict) and answer.over_http2 and choose_protocol(target) is Protocol.AUTO:
                older_target = replace(target, connection=replace(connection, protocol=Protocol.HTTP1))
                second_answer = await self._send_head(place, end, older_target, terms, addresses)
                if not isinstance(second_answer, Verdict):
                    # A backend that was just starting fails once; one that rejects HTTP/2 fails again.
                    answer = await self._send_head(place, end, target, terms, addresses)
                if not isinstance(second_answer, Verdict) and isinstance(answer, Verdict):
                    await asyncio.to_thread(self._rejects_http2, user.organization, target)
                    answer = second_answer
            log.info("endpoint checked", organization=user.organization, user=user.name, origin=str(target.origin))
            if not isinstance(answer, Verdict):
                return CheckOutcome(target, answer, None, place.gateway)
            if terms and answer.cause in UNCLEAR:
                presentation = await place.probe_backend(addresses, target.origin.port, terms.trust.server_name)
                answer = await self._refine(place, end, answer, presentation, target, terms, addresses)
            return CheckOutcome(target, 0, answer, place.gateway)

    async def _send_head(
        self, place: Place, end: float, target: Endpoint, terms: Terms | None, addresses: Sequence[str]
    ) -> int | Verdict:
        """Send one HEAD request; return its status, or why there is none by *end* (of the event loop's clock)."""
        trust, identity = (terms.trust, terms.identity) if terms else (None, None)

        def build() -> ProbeResources:
            return build_probe(make_name(), target, trust, addresses, identity, self._limits)

        try:
            async with asyncio.timeout_at(end - MOMENT):
                answer = await self._control.send_head(place.gateway, build(), target.target)
        except TimeoutError:
            return Verdict(False, Cause.TIMEOUT)
        except (ProbeRejected, NoAnswer) as error:
            return _explain_unasked(error)
        if answer.status:
            return answer.status
        if verdict := judge_head(answer):
            return verdict
        # There was no connection, and only the response to CONNECT says why.
        return await self._probe_until(place, end, build(), partial(judge_refusal, presents=identity is not None))

    @asynccontextmanager
    async def _turn(self, user: Principal) -> AsyncIterator[None]:
        if not self._queue.take(user.account):
            raise TooManyTests
        try:
            of_user = self._turns_of.setdefault(user.account, asyncio.Semaphore(AT_ONCE_OF_USER))
            async with of_user, self._turns:
                yield
        finally:
            self._queue.give_back(user.account)

    async def _run_in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    async def _refine(
        self,
        place: Place,
        end: float,
        verdict: Verdict,
        presentation: Presentation | FailedHandshake,
        target: Endpoint,
        terms: Terms,
        addresses: Sequence[str],
    ) -> Verdict:
        """Return *verdict* with all faults of *presentation*, and with what helps according to the gateway."""
        now, presents = self._now(), terms.identity is not None
        verdict = await self._run_in_thread(partial(refine, verdict, presentation, terms.trust, now, presents=presents))
        if not verdict.faults or isinstance(presentation, FailedHandshake):
            return verdict
        offer, is_answered = None, True
        for possible, trust in list_offers(verdict.faults, presentation.chain, terms, now):
            probe = build_probe(make_name(), target, trust, addresses, terms.identity, self._limits)
            answer = await self._probe_until(place, end, probe, partial(judge_certificates, presents=presents))
            if is_mended(answer, verdict.faults):
                offer = possible
                break
            is_answered = is_answered and answer.by == "gateway"
        advice = advise(verdict.faults, presentation.chain, terms, offer, is_complete=is_answered)
        return replace(verdict, offer=offer, advice=advice)

    async def _probe_until(
        self, place: Place, end: float, probe: ProbeResources, judge: Callable[[Connection], Awaitable[T]]
    ) -> T | Verdict:
        try:
            async with asyncio.timeout_at(end), self._control.connect(place.gateway, probe) as connection:
                return await judge(connection)
        except (ProbeRejected, NoAnswer, TimeoutError) as error:
            return _explain_unasked(error)


def _explain_unasked(error: Exception) -> Verdict:
    if isinstance(error, ProbeRejected):
        return Verdict(False, classify_reason(str(error)), str(error))
    return Verdict(False, None, str(error) or "The gateway didn't answer in time.", "none")


def _explain_unresolved(failure: FailedHandshake) -> Verdict:
    return Verdict(False, Cause.DNS_FAILURE if failure.obstacle is Obstacle.DNS else None, failure.text, "none")
