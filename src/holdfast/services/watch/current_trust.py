"""
The trust of origins as it is now, and what follows from it for backends before the next check.
"""

from collections.abc import Collection, Mapping
from dataclasses import replace

from sqlalchemy.orm import Session

from holdfast.apis.trust.endpoint_certificate import EndpointCertificate
from holdfast.apis.watch.watched_endpoint import WatchedEndpoint
from holdfast.certificates.trust import TrustSet
from holdfast.services.access.context import Context
from holdfast.services.trust.trust_sets import read_trust_sets
from holdfast.services.watch.coverage import hash_trust, predict
from holdfast.store.watch import presented_chains


def read_trust(
    session: Session, context: Context, origins: Collection[str], after: Mapping[str, EndpointCertificate]
) -> dict[str, TrustSet]:
    """
    Return the trust of *origins* with the changed entries *after*, by id; exceptions aren't taken into account.

    Origins with a stored certificate or settings that can't be read are left out.
    """
    trust, _ = read_trust_sets(session, context.user.organization, origins, context.now, after)
    return trust


def follow_trust(
    session: Session, context: Context, endpoints: Mapping[str, WatchedEndpoint]
) -> dict[str, WatchedEndpoint]:
    """Return *endpoints* with what the trust of now says about the backends, if it has changed since the last check."""
    after_by_origin = dict(endpoints)
    presented_certificates = {
        origin: watched_endpoint.certificate
        for origin, watched_endpoint in endpoints.items()
        if watched_endpoint.certificate
    }
    for origin, trust in read_trust(session, context, presented_certificates, {}).items():
        endpoint = endpoints[origin]
        if endpoint.coverage and endpoint.coverage.trust == hash_trust(trust):
            continue
        if chain := presented_chains.get(session, endpoint, presented_certificates[origin].chain):
            after_by_origin[origin] = replace(endpoint, coverage=predict(chain.certificates, trust, context.now))
    return after_by_origin
