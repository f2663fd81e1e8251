"""
All of one API's resources, built from its trust sets, gateway identities and callers. Pure.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from holdfast.apis.catalog.api import Api
from holdfast.apis.catalog.endpoint import ENVIRONMENTS, Environment, Origin
from holdfast.apis.enforcement import ApiCallers, OriginTrust, Policy
from holdfast.apis.identities.caller_certificate import AcceptedCaller
from holdfast.apis.identities.gateway_identity import UnsealedIdentity
from holdfast.certificates.trust import TrustSet
from holdfast.gateway.resources.backend_limits import DEFAULT_LIMITS, BackendLimits
from holdfast.gateway.resources.clusters import build_clusters
from holdfast.gateway.resources.resource import ROUTES, Resource
from holdfast.gateway.resources.routes import cluster_name, pack_routes, scope_name, scope_of
from holdfast.gateway.resources.tls import build_identity_secret, build_trust_secret

NO_IDENTITIES: Mapping[Origin, UnsealedIdentity] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class ApiResources:
    """The resources of one API; empty if the API is not served."""

    clusters: tuple[Resource, ...]
    secrets: tuple[Resource, ...]
    scope: str  # that its routes belong to
    routes: Mapping[Environment, bytes]  # serialized; empty if there are none
    # The resources that enforce a policy, by type URL and name: an origin's clusters and secrets, or callers' routes.
    by_policy: Mapping[Policy, frozenset[tuple[str, str]]]
    groups: frozenset[str]  # that the API is deployed to

    @property
    def all(self) -> tuple[Resource, ...]:
        """All secrets and clusters, secrets first."""
        return self.secrets + self.clusters


def build_api(
    api: Api,
    trust: Mapping[Origin, TrustSet],
    identities: Mapping[Origin, UnsealedIdentity] = NO_IDENTITIES,
    callers: Collection[AcceptedCaller] = (),
    limits: BackendLimits = DEFAULT_LIMITS,
) -> ApiResources:
    """
    Build the resources of *api*.

    *trust* has a trust set for each of its https origins, and *identities* the gateway identities of those that have
    one; *callers* are the accepted caller certificates, if the API requires one.
    """
    resources: list[Resource] = []
    secrets: dict[str, Resource] = {}
    by_policy: dict[Policy, frozenset[tuple[str, str]]] = {}
    for environment in ENVIRONMENTS:
        endpoint = api.endpoint(environment)
        if endpoint is None or not api.state.is_served:
            continue
        origin = endpoint.origin
        identity = identities.get(origin) if origin.is_secure else None
        name = cluster_name(api.organization, api.id, environment)
        own = build_clusters(name, endpoint, trust.get(origin), identity, limits)
        resources += own
        if origin.is_secure and trust[origin].unverified_until is None:
            anchors = build_trust_secret(trust[origin])
            secrets[anchors.name] = anchors
            own = [*own, anchors]
        if identity:
            key_secret = build_identity_secret(identity)
            secrets[key_secret.name] = key_secret
            own = [*own, key_secret]
        keys = frozenset((resource.type_url, resource.name) for resource in own)
        policy = OriginTrust(str(origin))
        by_policy[policy] = by_policy.get(policy, frozenset()) | keys
    routes = {environment: pack_routes(api, environment, callers) for environment in ENVIRONMENTS}
    if api.requires_certificate and resources:
        served = [environment for environment in ENVIRONMENTS if routes[environment]]
        keys = frozenset((ROUTES, scope_name(environment, scope_of(api))) for environment in served)
        by_policy[ApiCallers(api.id)] = keys
    return ApiResources(tuple(resources), tuple(secrets.values()), scope_of(api), routes, by_policy, api.groups)
