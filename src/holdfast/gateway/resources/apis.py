"""
All of one API's resources, built from its trust sets, gateway identities, callers and credentials. Pure.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from holdfast.apis.catalog.api import Api
from holdfast.apis.catalog.endpoint import ENVIRONMENTS, Environment, Origin, parse_token_endpoint
from holdfast.apis.catalog.endpoint_group import Member
from holdfast.apis.catalog.endpoint_security import Credential
from holdfast.apis.enforcement import ApiCallers, OriginTrust, Policy
from holdfast.apis.identities.caller_certificate import AcceptedCaller
from holdfast.apis.identities.gateway_identity import UnsealedIdentity
from holdfast.certificates.trust import TrustSet
from holdfast.gateway.resources.backend_limits import DEFAULT_LIMITS, BackendLimits
from holdfast.gateway.resources.cluster_names import name_cluster
from holdfast.gateway.resources.clusters import build_clusters
from holdfast.gateway.resources.credentials import Injection, build_credential_secret, choose_injection
from holdfast.gateway.resources.members import FurtherMembers, VerifiedMember
from holdfast.gateway.resources.resource import CLUSTER, ROUTES, Resource
from holdfast.gateway.resources.routes import find_scope, name_scope, name_target, pack_routes
from holdfast.gateway.resources.tls import build_identity_secret, build_trust_secret
from holdfast.gateway.resources.token_requests import TOKEN_PREFIX, TokenRequest, build_token_request, name_request

NO_IDENTITIES: Mapping[Origin, UnsealedIdentity] = MappingProxyType({})
NO_CREDENTIALS: Mapping[Environment, Credential] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class ApiResources:
    """The resources of one API; empty if the API is not served."""

    clusters: tuple[Resource, ...]
    secrets: tuple[Resource, ...]
    scope: str  # that its routes belong to
    routes: Mapping[Environment, tuple[bytes, ...]]  # as `pack_routes` returns them
    # The resources that enforce a policy, by type URL and name: an origin's clusters and secrets, or callers' routes.
    by_policy: Mapping[Policy, frozenset[tuple[str, str]]]
    groups: frozenset[str]  # that the API is deployed to

    @property
    def has_routes(self) -> bool:
        """Whether gateways answer for the API."""
        return any(self.routes.values())

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
    credentials: Mapping[Environment, Credential] = NO_CREDENTIALS,
) -> ApiResources:
    """
    Build the resources of *api*.

    *trust* has a trust set for each of its https origins; gateways refuse the backends of one that has none.
    *identities* has the gateway identities of the origins that have one; *callers* are the accepted caller
    certificates, if the API requires one. *credentials* are what gateways sign in to its backends with.
    """
    api = _use_current_security(api, credentials)
    resources: list[Resource] = []
    secrets: dict[str, Resource] = {}
    by_policy: dict[Policy, frozenset[tuple[str, str]]] = {}
    for environment in ENVIRONMENTS:
        members = [_verify(member, trust, identities) for member in api.list_members(environment)]
        if not members or not api.state.is_served or api.mocks is not None:
            continue
        first, group = members[0], api.find_group(environment)
        further = FurtherMembers(group, members[1:]) if group and members[1:] else None
        name = name_target(api, environment)
        credential = credentials.get(environment)
        token = _find_token_endpoint(credential, trust, identities) if credential else None
        backend = name_cluster(api.organization, api.id, environment)
        injection = _inject(credential, members, token, backend) if credential else None
        clusters = build_clusters(name, first.member.endpoint, first.trust, first.identity, limits, injection, further)
        resources += clusters
        for member in members:
            own = _build_secrets(member)
            if injection:
                own.append(build_credential_secret(injection))
            secrets |= {secret.name: secret for secret in own}
            if member.trust is None and member.member.endpoint.origin.is_secure:
                continue  # gateways never connect to it, so it has no trust that could be in force
            keys = frozenset((resource.type_url, resource.name) for resource in [*clusters, *own])
            policy = OriginTrust(member.origin)
            by_policy[policy] = by_policy.get(policy, frozenset()) | keys
        if credential and token and injection and injection.secret.startswith(TOKEN_PREFIX):
            own = _build_token_resources(backend, credential, token, limits)
            resources += (resource for resource in own if resource.type_url == CLUSTER)
            secrets |= {resource.name: resource for resource in own if resource.type_url != CLUSTER}
            policy = OriginTrust(token.origin)
            keys = frozenset((resource.type_url, resource.name) for resource in own)
            by_policy[policy] = by_policy.get(policy, frozenset()) | keys
    routes = {environment: pack_routes(api, environment, callers) for environment in ENVIRONMENTS}
    if api.requires_certificate and resources:
        served_environments = [environment for environment in ENVIRONMENTS if routes[environment]]
        keys = frozenset((ROUTES, name_scope(environment, find_scope(api))) for environment in served_environments)
        by_policy[ApiCallers(api.id)] = keys
    return ApiResources(tuple(resources), tuple(secrets.values()), find_scope(api), routes, by_policy, api.groups)


def _use_current_security(api: Api, credentials: Mapping[Environment, Credential]) -> Api:
    """Return *api* with the endpoint security of *credentials*; an earlier revision of it may have another."""
    if not credentials and not any(endpoint and endpoint.security for endpoint in map(api.find_endpoint, ENVIRONMENTS)):
        return api
    current = {
        environment: endpoint and replace(endpoint, security=credential.security if credential else None)
        for environment in ENVIRONMENTS
        for endpoint, credential in [(api.find_endpoint(environment), credentials.get(environment))]
    }
    return replace(api, production=current["production"], sandbox=current["sandbox"])


def _inject(
    credential: Credential, members: Sequence[VerifiedMember], token: VerifiedMember | None, backend: str
) -> Injection:
    """Choose what is sent to all *members*: nothing, if it may not be sent to one of them or the *token* endpoint."""
    backends = [*members, token] if token else members
    is_verified = all(member.trust is not None and member.trust.unverified_until is None for member in backends)
    origins = frozenset(member.origin for member in backends)
    return choose_injection(credential, origins, verified=is_verified, backend=backend)


def _find_token_endpoint(
    credential: Credential, trust: Mapping[Origin, TrustSet], identities: Mapping[Origin, UnsealedIdentity]
) -> VerifiedMember | None:
    token = credential.security.token
    return _verify(Member(parse_token_endpoint(token.url)), trust, identities) if token else None


def _build_token_resources(
    backend: str, credential: Credential, token: VerifiedMember, limits: BackendLimits
) -> list[Resource]:
    """Build what agents need to get tokens for *backend*: the token endpoint's cluster and secrets, and the request."""
    security, endpoint = credential.security, token.member.endpoint
    if security.token is None or security.secret is None or credential.value is None:
        return []
    request = TokenRequest(
        name=name_request(backend, security),
        backend=backend,
        authority=endpoint.origin.authority,
        target=endpoint.target,
        client_id=security.token.client_id,
        secret_id=" ".join(secret.id for secret in security.secrets if secret),
        secret=credential.value,
        parameters=security.token.parameters,
        grant_type=security.token.grant.lower(),
        username=security.username,
        password=credential.password,
    )
    clusters = build_clusters(request.cluster, endpoint, token.trust, token.identity, limits)
    return [*clusters, *_build_secrets(token), build_token_request(request)]


def _verify(
    member: Member, trust: Mapping[Origin, TrustSet], identities: Mapping[Origin, UnsealedIdentity]
) -> VerifiedMember:
    origin = member.endpoint.origin
    return VerifiedMember(member, trust.get(origin), identities.get(origin) if origin.is_secure else None)


def _build_secrets(backend: VerifiedMember) -> list[Resource]:
    """Build the secrets with the anchors and the gateway identity of one member."""
    secrets = []
    if backend.trust and backend.trust.unverified_until is None:
        secrets.append(build_trust_secret(backend.trust))
    if backend.identity:
        secrets.append(build_identity_secret(backend.identity))
    return secrets
