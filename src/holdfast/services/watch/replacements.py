"""
Forecasts of whether gateways accept backends after a replacement, from the chains that backends were seen to present.
"""

from collections import defaultdict
from collections.abc import Sequence

from holdfast.apis.catalog.endpoint import parse_endpoint
from holdfast.apis.trust.trust_settings import TrustSettings, build_trust_set
from holdfast.apis.watch.watched_endpoint import Coverage
from holdfast.certificates.certificate import Certificate
from holdfast.services.access.context import Context
from holdfast.services.inventory.bulk import PlannedReplacement
from holdfast.services.watch.coverage import predict
from holdfast.store.trust import endpoint_certificates, trust_settings
from holdfast.store.watch import presented_chains, watched_endpoints


def predict_coverage(context: Context, planned: Sequence[PlannedReplacement]) -> dict[str, Coverage]:
    """Return by origin whether gateways would accept what its backend presents; nothing for unknown backends."""
    organization = context.user.organization
    origins = {each.before.origin for each in planned}
    after = {each.after.id: each.after for each in planned}
    trusted: defaultdict[str, list[Certificate]] = defaultdict(list)
    coverage: dict[str, Coverage] = {}
    with context.read() as session:
        for entry in endpoint_certificates.of_origins(session, organization, origins):
            trusted[entry.origin] += after.get(entry.id, entry).trusted
        decided = trust_settings.of_origins(session, organization, origins)
        for origin, endpoint in watched_endpoints.of_origins(session, organization, origins).items():
            chain = presented_chains.get(session, endpoint, endpoint.presented.chain) if endpoint.presented else None
            if chain is None:
                continue
            settings = decided.get(origin) or TrustSettings(organization, origin)
            reference = parse_endpoint(origin).origin.reference
            trust = build_trust_set(settings, trusted[origin], reference, context.now)
            coverage[origin] = predict(chain.certificates, trust, context.now)
    return coverage
