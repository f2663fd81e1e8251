"""
A gateway's resources for probes: one listener, and a cluster for each probe. Pure.

A probe is a CONNECT request (RFC 9110, section 9.3.6), for which the gateway opens and verifies a connection and sends
nothing on it, or a HEAD request, which it sends as it sends callers' requests, over the cluster's protocol.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from envoy.config.accesslog.v3.accesslog_pb2 import AccessLogFilter
from envoy.config.cluster.v3.cluster_pb2 import Cluster
from envoy.config.core.v3.address_pb2 import Address, Pipe, SocketAddress
from envoy.config.core.v3.base_pb2 import HeaderValue, HeaderValueOption
from envoy.config.core.v3.substitution_format_string_pb2 import SubstitutionFormatString
from envoy.config.endpoint.v3.endpoint_components_pb2 import Endpoint as EnvoyEndpoint
from envoy.config.endpoint.v3.endpoint_components_pb2 import LbEndpoint, LocalityLbEndpoints
from envoy.config.listener.v3.listener_components_pb2 import Filter, FilterChain
from envoy.config.listener.v3.listener_pb2 import Listener
from envoy.config.route.v3.route_components_pb2 import (
    HeaderMatcher,
    Route,
    RouteAction,
    RouteMatch,
    VirtualHost,
)
from envoy.config.route.v3.route_pb2 import RouteConfiguration
from envoy.extensions.filters.http.router.v3.router_pb2 import Router
from envoy.extensions.filters.network.http_connection_manager.v3.http_connection_manager_pb2 import (
    HttpConnectionManager,
    HttpFilter,
    LocalReplyConfig,
    ResponseMapper,
)
from envoy.extensions.transport_sockets.tls.v3.secret_pb2 import Secret
from envoy.extensions.transport_sockets.tls.v3.tls_pb2 import UpstreamTlsContext
from envoy.type.matcher.v3.string_pb2 import StringMatcher
from google.protobuf.duration_pb2 import Duration
from google.protobuf.struct_pb2 import Struct
from google.protobuf.wrappers_pb2 import BoolValue

from holdfast.apis.catalog.endpoint import Endpoint
from holdfast.apis.identities.gateway_identity import UnsealedIdentity
from holdfast.certificates.trust import TrustSet
from holdfast.gateway.resources.backend_limits import DEFAULT_LIMITS, BackendLimits
from holdfast.gateway.resources.clusters import build_clusters
from holdfast.gateway.resources.local_replies import SLOW_CONNECTION, match_expression
from holdfast.gateway.resources.resource import CLUSTER, SECRET, Resource, make_resource
from holdfast.gateway.resources.tls import build_identity_secret, build_trust_secret

LISTENER_NAME = "probe"
PREFIX = "probe/"  # of the names of a probe's resources
IDENTITY_SUFFIX = "/client"
CLUSTER_HEADER = "x-holdfast-probe"  # names the cluster to probe
SEEN_HEADERS = {
    "x-holdfast-tls-version": "%UPSTREAM_TLS_VERSION%",
    "x-holdfast-tls-cipher": "%UPSTREAM_TLS_CIPHER%",
    "x-holdfast-certificate": "%UPSTREAM_PEER_CERT%",  # PEM, percent-encoded
    "x-holdfast-address": "%UPSTREAM_REMOTE_ADDRESS%",
}
FLAGS_HEADER = "x-holdfast-flags"  # flags and protocol of a HEAD request that the backend did not answer
REFUSAL = {
    "reason": "%UPSTREAM_TRANSPORT_FAILURE_REASON%",
    "details": "%RESPONSE_CODE_DETAILS%",  # the only information if a backend doesn't respond
    "flags": "%RESPONSE_FLAGS%",
}
LONGEST_SILENCE = Duration(seconds=10)


@dataclass(frozen=True, slots=True)
class ProbeResources:
    """The resources that the gateway needs for one probe: a cluster and its secrets."""

    cluster: Resource
    secrets: tuple[Resource, ...]
    authority: str  # host and port of the backend
    server_name: str  # the SNI that the gateway sends; empty: none

    @property
    def resources(self) -> tuple[Resource, ...]:
        """All of them, the cluster first."""
        return self.cluster, *self.secrets


def new_name() -> str:
    """Return the name for another probe."""
    return f"{PREFIX}{secrets.token_hex(8)}"


def build_probe(
    name: str,
    endpoint: Endpoint,
    trust: TrustSet | None,
    addresses: Sequence[str],
    identity: UnsealedIdentity | None = None,
    limits: BackendLimits = DEFAULT_LIMITS,
) -> ProbeResources:
    """
    Build a probe of *endpoint* at *addresses*, tried in this order, with *trust* (None only for http) and *identity*.

    *name* is the name of the cluster and its trust secret. They are identical to those for callers' requests, except
    for their names and the source of the addresses.
    """
    cluster = Cluster.FromString(build_clusters(name, endpoint, trust, identity, limits)[0].body)
    cluster.name = cluster.load_assignment.cluster_name = name
    cluster.type = Cluster.STATIC
    cluster.ClearField("dns_lookup_family")
    cluster.ClearField("typed_dns_resolver_config")
    first, *more = [_address(address, endpoint.origin.port) for address in addresses]
    host = EnvoyEndpoint(
        address=first, additional_addresses=[EnvoyEndpoint.AdditionalAddress(address=address) for address in more]
    )
    del cluster.load_assignment.endpoints[:]
    cluster.load_assignment.endpoints.append(LocalityLbEndpoints(lb_endpoints=[LbEndpoint(endpoint=host)]))
    secrets, server_name = [], ""
    if trust:
        server_name = _with_own_secrets(cluster, name).sni
        secrets.append(_renamed(build_trust_secret(trust), name))
    if identity:
        secrets.append(_renamed(build_identity_secret(identity), name + IDENTITY_SUFFIX))
    return ProbeResources(make_resource(CLUSTER, name, cluster), tuple(secrets), endpoint.origin.authority, server_name)


def _with_own_secrets(cluster: Cluster, name: str) -> UpstreamTlsContext:
    # Callers' requests may use secrets with the same content; separate ones can be removed unconditionally.
    context = UpstreamTlsContext()
    cluster.transport_socket.typed_config.Unpack(context)
    combined = context.common_tls_context.combined_validation_context
    if combined.validation_context_sds_secret_config.name:
        combined.validation_context_sds_secret_config.name = name
    for presented in context.common_tls_context.tls_certificate_sds_secret_configs:
        presented.name = name + IDENTITY_SUFFIX
    cluster.transport_socket.typed_config.Pack(context)
    return context


def _renamed(resource: Resource, name: str) -> Resource:
    secret = Secret.FromString(resource.body)
    secret.name = name
    return make_resource(SECRET, name, secret)


def _address(address: str, port: int) -> Address:
    return Address(socket_address=SocketAddress(address=address, port_value=port))


def build_probe_listener(socket: Path) -> Listener:
    """
    Build the probe listener, on a unix *socket* that only this user can open.

    It writes no access log, so a probe never counts as a failed request.
    """
    manager = HttpConnectionManager(
        stat_prefix=LISTENER_NAME,
        route_config=_routes(),
        http_filters=[_router()],
        upgrade_configs=[HttpConnectionManager.UpgradeConfig(upgrade_type="CONNECT")],
        local_reply_config=LocalReplyConfig(
            mappers=[
                _flags(match_expression(SLOW_CONNECTION), "UT"),
                _flags(match_expression("true"), "%RESPONSE_FLAGS%,%UPSTREAM_PROTOCOL%"),
            ],
            body_format=_refusal(),
        ),
        generate_request_id=BoolValue(value=False),
        stream_idle_timeout=LONGEST_SILENCE,
        # Report that a backend closed its connection immediately rather than a second later.
        delayed_close_timeout=Duration(),
    )
    connections = Filter(name="envoy.filters.network.http_connection_manager")
    connections.typed_config.Pack(manager)
    address = Address(pipe=Pipe(path=str(socket), mode=0o600))
    return Listener(
        name=LISTENER_NAME,
        address=address,
        filter_chains=[FilterChain(filters=[connections])],
        ignore_global_conn_limit=True,  # a gateway at its connection limit can still probe
    )


def _routes() -> RouteConfiguration:
    connect = RouteAction.UpgradeConfig(
        upgrade_type="CONNECT", connect_config=RouteAction.UpgradeConfig.ConnectConfig()
    )
    route = Route(
        name=LISTENER_NAME,
        match=RouteMatch(connect_matcher=RouteMatch.ConnectMatcher()),
        route=RouteAction(cluster_header=CLUSTER_HEADER, upgrade_configs=[connect], timeout=Duration()),
        response_headers_to_add=[
            HeaderValueOption(
                header=HeaderValue(key=name, value=value),
                append_action=HeaderValueOption.OVERWRITE_IF_EXISTS_OR_ADD,
            )
            for name, value in SEEN_HEADERS.items()
        ],
    )
    head = Route(
        name="head",
        match=RouteMatch(prefix="/", headers=[HeaderMatcher(name=":method", string_match=StringMatcher(exact="HEAD"))]),
        route=RouteAction(cluster_header=CLUSTER_HEADER, timeout=Duration()),
        request_headers_to_remove=[CLUSTER_HEADER, "x-forwarded-proto"],
        response_headers_to_remove=[FLAGS_HEADER],
    )
    host = VirtualHost(name=LISTENER_NAME, domains=["*"], routes=[route, head])
    return RouteConfiguration(name=LISTENER_NAME, virtual_hosts=[host])


def _router() -> HttpFilter:
    router = HttpFilter(name="envoy.filters.http.router")
    router.typed_config.Pack(Router(suppress_envoy_headers=True))
    return router


def _flags(when: AccessLogFilter, flags: str) -> ResponseMapper:
    # The flags contain no text from the backend, so they are safe in a header.
    header = HeaderValueOption(header=HeaderValue(key=FLAGS_HEADER, value=flags))
    return ResponseMapper(filter=when, headers_to_add=[header])


def _refusal() -> SubstitutionFormatString:
    body = Struct()
    body.update(REFUSAL)
    return SubstitutionFormatString(json_format=body, content_type="application/json")
