"""
All of one API's resources, built from its trust sets, gateway identities, callers and credentials. Pure.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
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
    parts = _Parts()
    for environment in ENVIRONMENTS:
        members = [_verify(member, trust, identities) for member in api.list_members(environment)]
        if members and api.state.is_served and api.mocks is None:
            credential = credentials.get(environment)
            token = _find_token_endpoint(credential, trust, identities) if credential else None
            _add_backends(parts, api, environment, members, credential, token, limits)
    routes = {environment: pack_routes(api, environment, callers) for environment in ENVIRONMENTS}
    if api.requires_certificate and parts.clusters:
        served_environments = [environment for environment in ENVIRONMENTS if routes[environment]]
        keys = frozenset((ROUTES, name_scope(environment, find_scope(api))) for environment in served_environments)
        parts.by_policy[ApiCallers(api.id)] = keys
    secrets = tuple(parts.secrets.values())
    return ApiResources(tuple(parts.clusters), secrets, find_scope(api), routes, parts.by_policy, api.groups)


@dataclass(slots=True)
class _Parts:
    """The clusters and secrets of an API while they are collected, and those that enforce a policy."""

    clusters: list[Resource] = field(default_factory=list)
    secrets: dict[str, Resource] = field(default_factory=dict)  # by name: environments can share them
    by_policy: dict[Policy, frozenset[tuple[str, str]]] = field(default_factory=dict)

    def add_secrets(self, secrets: Iterable[Resource]) -> None:
        """Add *secrets*, each once."""
        self.secrets |= {secret.name: secret for secret in secrets}

    def add_policy(self, policy: Policy, resources: Iterable[Resource]) -> None:
        """Add the *resources* that enforce *policy*."""
        keys = frozenset((resource.type_url, resource.name) for resource in resources)
        self.by_policy[policy] = self.by_policy.get(policy, frozenset()) | keys


def _add_backends(
    parts: _Parts,
    api: Api,
    environment: Environment,
    members: Sequence[VerifiedMember],
    credential: Credential | None,
    token: VerifiedMember | None,
    limits: BackendLimits,
) -> None:
    """Add what gateways need to reach the backends of *environment*, and the *token* endpoint if there is one."""
    first, group = members[0], api.find_group(environment)
    further = FurtherMembers(group, members[1:]) if group and members[1:] else None
    backend = name_cluster(api.organization, api.id, environment)
    injection = _inject(credential, members, token, backend) if credential else None
    name = name_target(api, environment)
    clusters = build_clusters(name, first.member.endpoint, first.trust, first.identity, limits, injection, further)
    parts.clusters += clusters
    for member in members:
        secrets = _build_secrets(member)
        if injection:
            secrets.append(build_credential_secret(injection))
        parts.add_secrets(secrets)
        # To an https backend without trust, gateways never connect, so it has no trust that could be in force.
        if member.trust is not None or not member.member.endpoint.origin.is_secure:
            parts.add_policy(OriginTrust(member.origin), [*clusters, *secrets])
    if credential and token and injection and injection.secret.startswith(TOKEN_PREFIX):
        resources = _build_token_resources(backend, credential, token, limits)
        parts.clusters += (resource for resource in resources if resource.type_url == CLUSTER)
        parts.add_secrets(resource for resource in resources if resource.type_url != CLUSTER)
        parts.add_policy(OriginTrust(token.origin), resources)


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
