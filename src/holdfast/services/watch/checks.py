"""
Checks of one backend: what it presents, and whether that is trusted.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from holdfast.apis.catalog.endpoint import Endpoint, parse_endpoint
from holdfast.apis.watch.watched_endpoint import Coverage, WatchedEndpoint
from holdfast.certificates.certificate import Certificate
from holdfast.gateway.failures.causes import Cause
from holdfast.network.presentation import FailedHandshake
from holdfast.services.access.context import Context
from holdfast.services.access.principal import Principal
from holdfast.services.probing.terms import Terms, find_terms_to_test
from holdfast.services.watch.coverage import hash_trust, predict, settle
from holdfast.services.watch.observation import Observation, hash_chain, see_chain, see_nothing
from holdfast.services.watch.watch_probes import WatchProbe, WatchProbes
from holdfast.store.database import Transactions
from holdfast.store.sealing import Sealing
from holdfast.store.watch import presented_chains, watched_endpoints
from holdfast.store.watch.presented_chains import PresentedChain
from holdfast.store.watch.watched_endpoints import Place


@dataclass(frozen=True, slots=True)
class Subject:
    """A backend to check, and the trust that will be in force once an exception has ended."""

    target: Endpoint
    terms: Terms
    endpoint: WatchedEndpoint


@dataclass(frozen=True, slots=True)
class _Memory:
    """The record of a chain that was presented earlier, and of the one that was presented until now."""

    earlier: PresentedChain | None
    before: PresentedChain | None


def read_subject(store: Transactions, sealing: Sealing, place: Place, now: datetime) -> Subject | None:
    """Return what is needed to check the backend at *place*; None if no API uses it now. Raises Conflict."""
    organization, origin = place
    terms = find_terms_to_test(Context(store, Principal(organization, "holdfast"), now), sealing, origin)
    with store.read() as session:
        endpoint = watched_endpoints.list_by_origin(session, organization, [origin]).get(origin)
    if endpoint is None:
        return None
    # An exception makes gateways accept anything for a while, but says nothing about the certificate.
    trust = replace(terms.trust, unverified_until=None)
    return Subject(parse_endpoint(origin), replace(terms, trust=trust), endpoint)


async def check(store: Transactions, probes: WatchProbes, subject: Subject, now: datetime) -> Observation | None:
    """Check the backend of *subject* from a gateway; None if no gateway can."""
    probe = await probes.probe(subject.target, subject.terms)
    if probe is None:
        return None
    presentation = probe.presentation
    if isinstance(presentation, FailedHandshake):
        return see_nothing(subject.endpoint, presentation.obstacle.value, now)
    if not (chain := presentation.chain):
        return see_nothing(subject.endpoint, Cause.UNREADABLE_CERTIFICATE.value, now)
    memory = await probes.run(lambda: _recall(store, subject.endpoint, chain))
    coverage = _keep_coverage(subject, chain, now) or await _decide(probes, probe, subject, chain, now)
    return see_chain(subject.endpoint, memory.earlier, memory.before, chain, coverage, now)


def reassess(store: Transactions, sealing: Sealing, place: Place, now: datetime) -> Observation | None:
    """Compare what the backend at *place* presents with its trust; None if that is unchanged. Raises Conflict."""
    subject = read_subject(store, sealing, place, now)
    if subject is None or not (certificate := subject.endpoint.certificate):
        return None
    coverage, trust = subject.endpoint.coverage, subject.terms.trust
    if coverage and coverage.trust == hash_trust(trust):
        return None
    with store.read() as session:
        record = presented_chains.get(session, subject.endpoint, certificate.chain)
    return Observation(replace(subject.endpoint, coverage=predict(record.certificates, trust, now))) if record else None


def _recall(store: Transactions, endpoint: WatchedEndpoint, chain: Sequence[Certificate]) -> _Memory:
    identity = hash_chain(chain)
    if endpoint.certificate is None or endpoint.certificate.chain == identity:
        return _Memory(None, None)
    with store.read() as session:
        earlier = presented_chains.get(session, endpoint, identity)
        return _Memory(earlier, presented_chains.get(session, endpoint, endpoint.certificate.chain))


def _keep_coverage(subject: Subject, chain: Sequence[Certificate], now: datetime) -> Coverage | None:
    """Return the earlier verdict of a gateway if nothing has changed since."""
    coverage, certificate = subject.endpoint.coverage, subject.endpoint.certificate
    if coverage is None or certificate is None or certificate.chain != hash_chain(chain):
        return None
    is_settled = coverage.by_gateway and subject.endpoint.is_trusted(now)
    return coverage if is_settled and coverage.trust == hash_trust(subject.terms.trust) else None


async def _decide(
    probes: WatchProbes, probe: WatchProbe, subject: Subject, chain: Sequence[Certificate], now: datetime
) -> Coverage:
    verdict = await probes.ask(probe, subject.target, subject.terms)
    return await probes.run(lambda: settle(chain, subject.terms.trust, verdict, now))
