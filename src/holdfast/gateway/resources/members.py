"""
Groups of endpoints: one cluster with several hosts, each verified for its own origin.

Measured with Envoy 1.40: the metadata of a host selects its TLS context, for traffic and for health checks; its
`hostname` becomes the Host header, with the port, even when a request is retried on another host.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address

from envoy.config.cluster.v3.cluster_pb2 import Cluster
from envoy.config.core.v3.address_pb2 import Address, SocketAddress
from envoy.config.endpoint.v3.endpoint_components_pb2 import Endpoint as EnvoyEndpoint
from envoy.config.endpoint.v3.endpoint_components_pb2 import LbEndpoint, LocalityLbEndpoints
from envoy.config.route.v3.route_components_pb2 import RetryPolicy, RouteAction
from envoy.extensions.retry.host.previous_hosts.v3.previous_hosts_pb2 import PreviousHostsPredicate
from envoy.extensions.retry.priority.previous_priorities.v3.previous_priorities_config_pb2 import (
    PreviousPrioritiesConfig,
)

from holdfast.apis.catalog.api import Api
from holdfast.apis.catalog.endpoint import Environment
from holdfast.apis.catalog.endpoint_group import Algorithm, EndpointGroup, Member, SessionKind
from holdfast.apis.identities.gateway_identity import UnsealedIdentity
from holdfast.certificates.trust import TrustSet
from holdfast.gateway.resources.constants import MATCH_METADATA, MEMBER
from holdfast.gateway.resources.health import watch_members
from holdfast.gateway.resources.tls import build_refusing_tls, build_upstream_tls

_MAX_RETRIES = 3  # on other members
# Percent. Envoy multiplies the share of healthy hosts of a priority by it, and the next priority gets what is missing
# to 100 %: with Envoy's 140, 30 % of the requests if one of two hosts is down. With this, one healthy host of 1,000 is
# enough (a host is an address, and a name can have many).
_NO_SPILL = 100_000
_PRIORITIES = "envoy.retry_priorities.previous_priorities"
_HOSTS = "envoy.retry_host_predicates.previous_hosts"


@dataclass(frozen=True, slots=True)
class VerifiedMember:
    """A member, with what verifies it and what is presented to it; https without *trust* is never connected to."""

    member: Member
    trust: TrustSet | None
    identity: UnsealedIdentity | None = None

    @property
    def origin(self) -> str:
        """Its origin, as text."""
        return str(self.member.endpoint.origin)


@dataclass(frozen=True, slots=True)
class FurtherMembers:
    """The members of a group without the first."""

    group: EndpointGroup
    members: Sequence[VerifiedMember]


def use_members(cluster: Cluster, group: EndpointGroup, members: Sequence[VerifiedMember], alpn: Sequence[str]) -> None:
    """
    Let *cluster* send requests to all *members*, of which the first is the API's endpoint.

    Source: `envoy.config.cluster.v3.Cluster.transport_socket_matches`.
    """
    del cluster.load_assignment.endpoints[:]
    for level, hosts in enumerate(_group_by_priority([backend.member for backend in members])):
        endpoints = LocalityLbEndpoints(priority=level, lb_endpoints=map(_build_host, hosts))
        cluster.load_assignment.endpoints.append(endpoints)
    cluster.load_assignment.policy.overprovisioning_factor.value = _NO_SPILL
    _resolve(cluster, members)
    if members[0].member.endpoint.origin.is_secure:
        _verify(cluster, members, alpn)
    _set_balancing(cluster, group)
    watch_members(cluster, group)


def adapt_action(action: RouteAction, api: Api, environment: Environment, public_path: str) -> None:
    """
    Let *action* use the Host header of the chosen member, retry on other members, and keep sessions.

    Callers use *public_path*, so it is the path of the session's cookie.
    """
    group = api.find_group(environment)
    if group is None or not group.members:
        return
    action.ClearField("host_rewrite_literal")
    action.auto_host_rewrite.value = True
    if action.HasField("retry_policy"):
        _retry_elsewhere(action.retry_policy, api.list_members(environment))
    if group.session is SessionKind.COOKIE:
        cookie = action.hash_policy.add().cookie
        cookie.name, cookie.path = f"holdfast-{environment}-session", public_path
        cookie.ttl.seconds = group.session_timeout
    elif group.session is SessionKind.HEADER:
        action.hash_policy.add().header.header_name = group.session_header


def _group_by_priority(members: Sequence[Member]) -> list[list[Member]]:
    """Return the members of each priority, the first ones first; Envoy's priorities have no gaps."""
    levels = sorted({member.priority for member in members})
    return [[member for member in members if member.priority == level] for level in levels]


def _retry_elsewhere(policy: RetryPolicy, members: Sequence[Member]) -> None:
    levels = _group_by_priority(members)
    # Envoy tries a level again only after all others, so reaching the second member of a later level can take more
    # tries than there are members.
    retries = len(members) - 1 if len(levels) in {1, len(members)} else _MAX_RETRIES
    policy.num_retries.value = max(policy.num_retries.value, min(retries, _MAX_RETRIES))
    predicate = policy.retry_host_predicate.add(name=_HOSTS)
    predicate.typed_config.Pack(PreviousHostsPredicate(), deterministic=True)
    policy.host_selection_retry_max_attempts = 5
    if len(levels) > 1:
        # All members of the first level are tried before the next level.
        config = PreviousPrioritiesConfig(update_frequency=min(len(levels[0]), _MAX_RETRIES))
        policy.retry_priority.name = _PRIORITIES
        policy.retry_priority.typed_config.Pack(config, deterministic=True)


def _build_host(member: Member) -> LbEndpoint:
    origin = member.endpoint.origin
    address = Address(socket_address=SocketAddress(address=origin.host, port_value=origin.port))
    host = LbEndpoint(endpoint=EnvoyEndpoint(address=address, hostname=origin.authority))
    host.endpoint.health_check_config.hostname = origin.authority
    host.load_balancing_weight.value = member.weight
    host.metadata.filter_metadata[MATCH_METADATA].update({MEMBER: str(origin)})
    return host


def _verify(cluster: Cluster, members: Sequence[VerifiedMember], alpn: Sequence[str]) -> None:
    for backend in members:
        if backend.trust:
            match = cluster.transport_socket_matches.add(name=backend.origin)
            match.match[MEMBER] = backend.origin
            match.transport_socket.CopyFrom(build_upstream_tls(backend.trust, backend.identity, alpn))
    cluster.transport_socket.CopyFrom(build_refusing_tls())  # for hosts that nothing matches


def _resolve(cluster: Cluster, members: Sequence[VerifiedMember]) -> None:
    if all(is_address(backend.member.endpoint.origin.host) for backend in members):
        cluster.type = Cluster.STATIC
        return
    # Each address is a host, so only one family is used. LOGICAL_DNS, and `envoy.clusters.dns` with all addresses in
    # one host, take only one name (measured).
    cluster.type = Cluster.STRICT_DNS
    cluster.dns_lookup_family = Cluster.V4_PREFERRED


def is_address(host: str) -> bool:
    """Return whether *host* is an IP address."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _set_balancing(cluster: Cluster, group: EndpointGroup) -> None:
    if group.session is not SessionKind.NONE:
        cluster.lb_policy = Cluster.MAGLEV
    elif group.algorithm is Algorithm.LEAST_REQUEST:
        cluster.lb_policy = Cluster.LEAST_REQUEST
    cluster.ignore_health_on_host_removal = True
