"""
Forecasts of whether gateways accept backends after a replacement, from the chains that backends were seen to present.
"""

from collections.abc import Sequence

from holdfast.apis.watch.watched_endpoint import Coverage
from holdfast.services.access.context import Context
from holdfast.services.inventory.bulk import PlannedReplacement
from holdfast.services.watch.coverage import predict
from holdfast.services.watch.current_trust import read_trust
from holdfast.store.watch import presented_chains, watched_endpoints


def predict_coverage(context: Context, replacements: Sequence[PlannedReplacement]) -> dict[str, Coverage]:
    """Return by origin whether gateways would accept what its backend presents; nothing for unknown backends."""
    origins = {replacement.before.origin for replacement in replacements}
    after = {replacement.after.id: replacement.after for replacement in replacements}
    coverage: dict[str, Coverage] = {}
    with context.read() as session:
        trust = read_trust(session, context, origins, after)
        for origin, endpoint in watched_endpoints.list_by_origin(session, context.user.organization, origins).items():
            chain = (
                presented_chains.get(session, endpoint, endpoint.certificate.chain) if endpoint.certificate else None
            )
            if chain and origin in trust:
                coverage[origin] = predict(chain.certificates, trust[origin], context.now)
    return coverage
