"""
The trust of origins as it is now, and what follows from it for backends before the next check.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import replace

from sqlalchemy.orm import Session

from holdfast.apis.catalog.endpoint import parse_endpoint
from holdfast.apis.trust.endpoint_certificate import EndpointCertificate, UnreadableCertificate
from holdfast.apis.trust.trust_settings import TrustSettings, build_trust_set
from holdfast.apis.watch.watched_endpoint import WatchedEndpoint
from holdfast.certificates.certificate import Certificate
from holdfast.certificates.trust import TrustSet
from holdfast.services.access.context import Context
from holdfast.services.watch.coverage import hash_trust, predict
from holdfast.store.trust import endpoint_certificates, trust_settings
from holdfast.store.watch import presented_chains


def read_trust(
    session: Session, context: Context, origins: Collection[str], after: Mapping[str, EndpointCertificate]
) -> dict[str, TrustSet]:
    """
    Return the trust of *origins* with the changed entries *after*, by id; exceptions aren't taken into account.

    Origins with a stored certificate that can't be read are left out.
    """
    organization = context.user.organization
    certificates: defaultdict[str, list[Certificate]] = defaultdict(list)
    unreadable = set()
    for entry in endpoint_certificates.list_of_origins(session, organization, origins):
        try:
            certificates[entry.origin] += after.get(entry.id, entry).trusted
        except UnreadableCertificate:
            unreadable.add(entry.origin)
    settings = trust_settings.list_by_origin(session, organization, origins)
    return {
        origin: build_trust_set(
            settings.get(origin) or TrustSettings(organization, origin),
            certificates[origin],
            parse_endpoint(origin).origin.reference,
            context.now,
        )
        for origin in origins
        if origin not in unreadable
    }


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
