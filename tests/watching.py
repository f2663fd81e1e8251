"""
Certificates that backends present, written as the watch writes them.

    watched = observe(store, "default", "https://pizza.test", [certificate], now)
"""

from collections.abc import Sequence
from datetime import datetime

from holdfast.apis.watch.watched_endpoint import Coverage, WatchedEndpoint
from holdfast.certificates.certificate import Certificate
from holdfast.services.watch.observation import see_chain
from holdfast.store.database import Store
from holdfast.store.topics import Topic
from holdfast.store.watch import presented_chains, watched_endpoints


def trusted_until(end: datetime) -> Coverage:
    """Return the verdict of a gateway that accepts what a backend presents."""
    return Coverage("trust", accepted=True, until=end, by_gateway=True)


def observe(
    store: Store,
    organization: str,
    origin: str,
    chain: Sequence[Certificate],
    now: datetime,
    coverage: Coverage | None = None,
) -> WatchedEndpoint:
    """Write that the backend at *origin* presents *chain*; without a *coverage*, it is trusted as long as it lasts."""
    with store.note(Topic.WATCH) as session:
        endpoint = watched_endpoints.list_by_origin(session, organization, [origin]).get(origin)
        if endpoint is None:
            watched_endpoints.add(session, [(organization, origin)])
            endpoint = watched_endpoints.list_by_origin(session, organization, [origin])[origin]
        before = presented_chains.get(session, endpoint, endpoint.certificate.chain) if endpoint.certificate else None
        covered = coverage or trusted_until(chain[0].not_after)
        observation = see_chain(endpoint, None, before, chain, covered, now)
        watched_endpoints.save(session, observation.endpoint)
        if observation.chain:
            presented_chains.record(session, observation.endpoint, observation.chain)
    return observation.endpoint
