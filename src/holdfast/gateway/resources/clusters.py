"""
Envoy clusters, built from endpoints.
"""

from datetime import timedelta
from functools import cache

from envoy.config.cluster.v3.circuit_breaker_pb2 import CircuitBreakers
from envoy.config.cluster.v3.cluster_pb2 import Cluster, UpstreamConnectionOptions
from envoy.config.core.v3.address_pb2 import Address, SocketAddress
from envoy.config.core.v3.base_pb2 import RoutingPriority
from envoy.config.core.v3.extension_pb2 import TypedExtensionConfig
from envoy.config.core.v3.protocol_pb2 import Http2ProtocolOptions, KeepaliveSettings
from envoy.config.endpoint.v3.endpoint_components_pb2 import Endpoint as EnvoyEndpoint
from envoy.config.endpoint.v3.endpoint_components_pb2 import LbEndpoint, LocalityLbEndpoints
from envoy.config.endpoint.v3.endpoint_pb2 import ClusterLoadAssignment
from envoy.extensions.network.dns_resolver.cares.v3.cares_dns_resolver_pb2 import CaresDnsResolverConfig
from envoy.extensions.upstreams.http.v3.http_protocol_options_pb2 import HttpProtocolOptions
from google.protobuf.any_pb2 import Any
from google.protobuf.duration_pb2 import Duration
from google.protobuf.wrappers_pb2 import BoolValue, UInt32Value, UInt64Value

from holdfast.apis.catalog.connection_settings import Protocol
from holdfast.apis.catalog.endpoint import Endpoint
from holdfast.apis.catalog.endpoint_group import Member
from holdfast.apis.identities.gateway_identity import UnsealedIdentity
from holdfast.certificates.trust import TrustSet
from holdfast.gateway.resources.backend_limits import DEFAULT_LIMITS, BackendLimits, limit_backend
from holdfast.gateway.resources.constants import METADATA, TOKEN
from holdfast.gateway.resources.credentials import Injection, build_injector
from holdfast.gateway.resources.members import FurtherMembers, VerifiedMember, is_address, use_members
from holdfast.gateway.resources.resource import CLUSTER, Resource, make_resource
from holdfast.gateway.resources.retries import build_retry_budget
from holdfast.gateway.resources.suspension import add_suspension, count_as_failures
from holdfast.gateway.resources.timeouts import build_connect_timeout
from holdfast.gateway.resources.tls import build_refusing_tls, build_upstream_tls
from holdfast.gateway.resources.token_requests import TOKEN_PREFIX

_HTTP2_SUFFIX, _WEBSOCKET_SUFFIX, WEBSOCKET_PRIORITY = "/h2", "/upgrade", RoutingPriority.HIGH
# A response whose caller doesn't read it fills its stream's window. The connection's window holds the windows of all
# streams, so slow callers never stall the others; with Envoy's defaults, two slow callers stall all (measured).
_STREAMS, _STREAM_WINDOW = 100, 1024 * 1024
_HTTP2 = Http2ProtocolOptions(
    max_concurrent_streams=UInt32Value(value=_STREAMS),
    initial_stream_window_size=UInt32Value(value=_STREAM_WINDOW),
    initial_connection_window_size=UInt32Value(value=_STREAMS * _STREAM_WINDOW),
    # Without keepalive, a silently lost connection (dropped by a firewall, or to a frozen host) would keep getting new
    # requests: their timeouts end the requests, but not the connection.
    connection_keepalive=KeepaliveSettings(interval=Duration(seconds=30), timeout=Duration(seconds=10)),
    # A malformed response fails on its own (RFC 9113, section 8.1.1), without the connection's other requests.
    override_stream_error_on_invalid_http_message=BoolValue(value=True),
)
_ALPN = {Protocol.AUTO: ("h2", "http/1.1"), Protocol.HTTP1: ("http/1.1",), Protocol.HTTP2: ("h2",)}
_OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"


def build_clusters(
    name: str,
    endpoint: Endpoint,
    trust: TrustSet | None,
    identity: UnsealedIdentity | None = None,
    limits: BackendLimits = DEFAULT_LIMITS,
    injection: Injection | None = None,
    further: FurtherMembers | None = None,
) -> list[Resource]:
    """
    Build the clusters of one endpoint, the one for requests first.

    An https endpoint has *trust* and may have *identity*, others have neither (ValueError). Without *trust*, because it
    can't be read, the gateway refuses every backend of an https endpoint. *injection* is what gateways sign in to its
    backend with.

    Open websockets don't count against the backend's request limit, because their routes have another priority than
    those of requests, and each priority has its own limits and connections. Only an endpoint that always uses HTTP/2
    has a second cluster, with HTTP/1.1 for upgrades; see `websockets` for all others.
    """
    if trust and not endpoint.origin.is_secure:
        raise ValueError(f"{endpoint.origin}: an http endpoint can't have a trust set")
    requests, upgrades = name_clusters(name, endpoint)
    protocols = {upgrades: Protocol.HTTP1, requests: choose_protocol(endpoint)}
    return [
        _build_cluster(cluster, endpoint, trust, identity, limits, protocols[cluster], injection, further)
        for cluster in dict.fromkeys([requests, upgrades])
    ]


def name_clusters(name: str, endpoint: Endpoint) -> tuple[str, str]:
    """
    Return the names of the clusters for requests and for protocol upgrades to *endpoint*.

    Both have other names with HTTP/2 than with other protocols. When an endpoint's protocol changes, its routes move to
    new clusters, so that no websocket reaches a cluster whose protocol has changed before its routes.
    """
    is_http2 = choose_protocol(endpoint) is Protocol.HTTP2
    return (name + _HTTP2_SUFFIX, name + _WEBSOCKET_SUFFIX) if is_http2 else (name, name)


def carries_token(cluster: Resource) -> bool:
    """Return whether requests of *cluster* carry an access token."""
    return METADATA in Cluster.FromString(cluster.body).metadata.filter_metadata


def choose_protocol(endpoint: Endpoint) -> Protocol:
    """Return the protocol that gateways use with *endpoint*; AUTO lets the backend choose by ALPN."""
    chosen = endpoint.connection.protocol
    if chosen is not Protocol.AUTO:
        return chosen
    # Connection authentication needs HTTP/1.1, and without TLS there is no ALPN to negotiate HTTP/2.
    negotiable = endpoint.origin.is_secure and not endpoint.connection.connection_per_caller
    return Protocol.AUTO if negotiable else Protocol.HTTP1


def _build_cluster(
    name: str,
    endpoint: Endpoint,
    trust: TrustSet | None,
    identity: UnsealedIdentity | None,
    limits: BackendLimits,
    protocol: Protocol,
    injection: Injection | None,
    further: FurtherMembers | None,
) -> Resource:
    limits = limit_backend(limits, endpoint.connection)
    cluster = Cluster(
        name=name,
        connect_timeout=build_connect_timeout(endpoint.connection),
        circuit_breakers=_build_breakers(limits),
        load_assignment=ClusterLoadAssignment(cluster_name=name, endpoints=[_build_address(endpoint)]),
        connection_pool_per_downstream_connection=endpoint.connection.connection_per_caller,
    )
    if is_address(endpoint.origin.host):
        cluster.type = Cluster.STATIC
    else:
        _resolve_by_dns(cluster)
    failures = endpoint.connection.suspend_statuses if endpoint.connection.suspend_ms else () if further else None
    options = _build_options(limits, protocol, failures, injection)
    cluster.typed_extension_protocol_options[_OPTIONS].CopyFrom(options)
    add_suspension(cluster, endpoint.connection)
    if injection and injection.secret.startswith(TOKEN_PREFIX):
        cluster.metadata.filter_metadata[METADATA].update({TOKEN: injection.secret})
    if endpoint.origin.is_secure:
        socket = build_upstream_tls(trust, identity, _ALPN[protocol]) if trust else build_refusing_tls()
        cluster.transport_socket.CopyFrom(socket)
    members = [VerifiedMember(Member(endpoint), trust, identity)]
    if further:
        group = further.group
        members = [VerifiedMember(Member(endpoint, group.weight, group.priority), trust, identity), *further.members]
        use_members(cluster, group, members, _ALPN[protocol])
    ends = [member.trust.unverified_until for member in members if member.trust and member.trust.unverified_until]
    # A cluster without verification expires on its own, even if the gateway has lost the control plane.
    return make_resource(CLUSTER, name, cluster, min(ends, default=None))


@cache
def _build_breakers(limits: BackendLimits) -> CircuitBreakers:
    return CircuitBreakers(
        thresholds=[
            _build_thresholds(limits, RoutingPriority.DEFAULT, limits.requests),
            _build_thresholds(limits, WEBSOCKET_PRIORITY, limits.websockets),
        ]
    )


def _build_thresholds(limits: BackendLimits, priority: RoutingPriority, requests: int) -> CircuitBreakers.Thresholds:
    return CircuitBreakers.Thresholds(
        priority=priority,
        max_requests=UInt32Value(value=requests),
        max_connections=UInt32Value(value=limits.connections),
        max_pending_requests=UInt32Value(value=limits.pending),
        retry_budget=build_retry_budget(),
    )


def _build_address(endpoint: Endpoint) -> LocalityLbEndpoints:
    socket = SocketAddress(address=endpoint.origin.host, port_value=endpoint.origin.port)
    host = LbEndpoint(endpoint=EnvoyEndpoint(address=Address(socket_address=socket)))
    return LocalityLbEndpoints(lb_endpoints=[host])


def _resolve_by_dns(cluster: Cluster) -> None:
    # One logical host whose addresses are all tried (RFC 8305). STRICT_DNS would treat each address as a host and fail
    # every second request if only one of ::1 and 127.0.0.1 answers.
    cluster.type = Cluster.LOGICAL_DNS
    cluster.dns_lookup_family = Cluster.ALL
    cluster.upstream_connection_options.happy_eyeballs_config.first_address_family_version = (
        UpstreamConnectionOptions.V6
    )
    # A name that doesn't resolve must not delay a starting gateway for long.
    resolver = CaresDnsResolverConfig(query_timeout_seconds=UInt64Value(value=1), query_tries=UInt32Value(value=2))
    config = TypedExtensionConfig(name="envoy.network.dns_resolver.cares")
    config.typed_config.Pack(resolver, deterministic=True)
    cluster.typed_dns_resolver_config.CopyFrom(config)


@cache
def _build_options_without_filters(
    limits: BackendLimits, protocol: Protocol, failures: tuple[int, ...] | None
) -> HttpProtocolOptions:
    options = HttpProtocolOptions()
    if failures is not None:
        count_as_failures(options, failures)
    common = options.common_http_protocol_options
    common.idle_timeout.FromTimedelta(timedelta(seconds=limits.idle))
    common.max_headers_count.value = limits.header_fields
    common.max_response_headers_kb.value = limits.header_kib
    if protocol is Protocol.AUTO:
        options.auto_config.http_protocol_options.enable_trailers = True
        options.auto_config.http2_protocol_options.CopyFrom(_HTTP2)
    elif protocol is Protocol.HTTP2:
        options.explicit_http_config.http2_protocol_options.CopyFrom(_HTTP2)
    else:
        options.explicit_http_config.http_protocol_options.enable_trailers = True
    return options


@cache
def _pack_without_filters(limits: BackendLimits, protocol: Protocol, failures: tuple[int, ...] | None) -> Any:
    config = Any()
    config.Pack(_build_options_without_filters(limits, protocol, failures), deterministic=True)
    return config


def _build_options(
    limits: BackendLimits, protocol: Protocol, failures: tuple[int, ...] | None, injection: Injection | None
) -> Any:
    if injection is None:
        return _pack_without_filters(limits, protocol, failures)
    options, config = HttpProtocolOptions(), Any()
    options.CopyFrom(_build_options_without_filters(limits, protocol, failures))
    options.http_filters.extend(build_injector(injection))
    config.Pack(options, deterministic=True)
    return config
