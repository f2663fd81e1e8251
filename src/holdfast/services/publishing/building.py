"""
Building the resources of APIs from a snapshot. It takes seconds for thousands of APIs, so it runs in threads.
"""

from collections.abc import Mapping, Sequence

import structlog

from holdfast.apis.catalog.api import Api
from holdfast.gateway.resources.apis import ApiResources, build_api
from holdfast.gateway.resources.backend_limits import BackendLimits
from holdfast.services.credentials.unsealing import choose_credentials
from holdfast.services.publishing.snapshot import ApiKey, Snapshot

log = structlog.get_logger()
BuiltApis = Mapping[ApiKey, Sequence[ApiResources]]


def build_apis(snapshot: Snapshot, limits: BackendLimits) -> BuiltApis:
    """Return the resources of each API of *snapshot* that is served, one for each of its variants."""
    resources = {
        key: [own for api in variants if (own := _build(api, snapshot, limits)) and own.has_routes]
        for key, variants in snapshot.apis.items()
    }
    return {key: own for key, own in resources.items() if own}


def _build(api: Api, snapshot: Snapshot, limits: BackendLimits) -> ApiResources | None:
    try:
        org = api.organization
        callers = snapshot.callers.get((org, api.id), frozenset())
        trust, identities = snapshot.trust.get(org, {}), snapshot.identities.get(org, {})
        credentials = choose_credentials(api, snapshot.credentials.get((org, api.id), {}))
        return build_api(api, trust, identities, callers, limits, credentials)
    except Exception:
        # An API that can't be built isn't served, which is safe, and doesn't affect others.
        log.exception("API cannot be built", api=api.id, organization=api.organization)
        return None
