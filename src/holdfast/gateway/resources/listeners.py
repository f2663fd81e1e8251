"""
Envoy listeners, one for each environment.
"""

from collections.abc import Sequence

from envoy.config.core.v3.address_pb2 import Address, CidrRange, SocketAddress
from envoy.config.core.v3.protocol_pb2 import Http1ProtocolOptions, Http2ProtocolOptions, HttpProtocolOptions
from envoy.config.listener.v3.listener_components_pb2 import Filter, FilterChain, FilterChainMatch
from envoy.config.listener.v3.listener_pb2 import AdditionalAddress, Listener
from envoy.extensions.filters.http.router.v3.router_pb2 import Router
from envoy.extensions.filters.network.http_connection_manager.v3.http_connection_manager_pb2 import (
    HttpConnectionManager,
    HttpFilter,
    ScopedRds,
    ScopedRoutes,
)
from google.protobuf.duration_pb2 import Duration
from google.protobuf.wrappers_pb2 import BoolValue, UInt32Value

from holdfast.apis.catalog.endpoint import Environment
from holdfast.gateway.resources.access_logs import (
    report_attempts,
    report_certificates,
    report_failures,
    report_rejected_tokens,
    report_rejections,
)
from holdfast.gateway.resources.backend_limits import DEFAULT_LIMITS, BackendLimits
from holdfast.gateway.resources.caller_http import build_http1_options
from holdfast.gateway.resources.connection_authentication import build_connection_filters
from holdfast.gateway.resources.cors import build_cors_filter
from holdfast.gateway.resources.downstream import build_downstream_tls
from holdfast.gateway.resources.fixed_query import build_query_filter
from holdfast.gateway.resources.forwarding import forward
from holdfast.gateway.resources.local_replies import build_local_replies
from holdfast.gateway.resources.rate_limits import build_rate_limit_filter
from holdfast.gateway.resources.refusals import build_refusal_filter
from holdfast.gateway.resources.resource import LISTENER, Resource, make_resource
from holdfast.gateway.resources.response_rewriting import build_rewriting_filter
from holdfast.gateway.resources.routes import ENVIRONMENT_HEADER
from holdfast.gateway.resources.tls import fetch_by_ads
from holdfast.gateway.resources.traffic_log import count_requests, measure_sample
from holdfast.gateway.resources.trailers import build_trailer_filter
from holdfast.gateway.resources.websockets import build_upgrade
from holdfast.network.addresses import Network

# Time limits for callers, and limits for one HTTP/2 connection. Envoy's defaults are for trusted callers: no limit for
# request headers, an hour without requests, 2^31 requests at once, and 256 MiB of unread body.
HANDSHAKE_WITHIN = Duration(seconds=10)
HEAD_WITHIN = Duration(seconds=30)
IDLE = Duration(seconds=75)  # as nginx, and longer than the 60 s of common load balancers
_HTTP2 = Http2ProtocolOptions(
    max_concurrent_streams=UInt32Value(value=100),
    initial_stream_window_size=UInt32Value(value=64 * 1024),
    initial_connection_window_size=UInt32Value(value=1024 * 1024),
    # A malformed request fails on its own (RFC 9113, section 8.1.1): proxies send many callers' requests on one
    # connection.
    override_stream_error_on_invalid_http_message=BoolValue(value=True),
)


def build_listener(
    environment: Environment,
    addresses: Sequence[tuple[str, int]],
    limits: BackendLimits = DEFAULT_LIMITS,
    *,
    tls: bool = False,
    trusted_proxies: Sequence[Network] = (),
) -> Resource:
    """
    Build the listener of *environment* on *addresses* (IP addresses and ports; `::` is for IPv6 only).

    With *tls* it uses https, and callers may present a certificate. Headers about the caller are trusted only from
    *trusted_proxies*.
    """
    name = name_listener(environment, tls=tls)
    options = build_http1_options(*addresses[0])
    chains = [_build_chain(environment, options, limits, tls=tls)]
    if trusted_proxies:
        by_proxy = _build_chain(environment, options, limits, tls=tls, by_proxy=True)
        ranges = [_build_range(network) for network in dict.fromkeys(trusted_proxies)]
        by_proxy.filter_chain_match.CopyFrom(FilterChainMatch(direct_source_prefix_ranges=ranges))
        chains.append(by_proxy)
    first, *others = (Address(socket_address=SocketAddress(address=host, port_value=port)) for host, port in addresses)
    more = [AdditionalAddress(address=address) for address in others]
    message = Listener(name=name, address=first, additional_addresses=more, filter_chains=chains)
    return make_resource(LISTENER, name, message)


def name_listener(environment: Environment, *, tls: bool) -> str:
    """Return the name of an environment's listener."""
    return f"{environment}/tls" if tls else environment


def _build_range(network: Network) -> CidrRange:
    return CidrRange(address_prefix=str(network.network_address), prefix_len={"value": network.prefixlen})


def _build_chain(
    environment: Environment,
    options: Http1ProtocolOptions,
    limits: BackendLimits,
    *,
    tls: bool,
    by_proxy: bool = False,
) -> FilterChain:
    filters = [
        build_refusal_filter(),
        build_cors_filter(),
        build_trailer_filter(),
        build_rate_limit_filter(),
        *build_connection_filters(),
        build_query_filter(),
        build_rewriting_filter(),
        _build_router(),
    ]
    manager = HttpConnectionManager(
        stat_prefix=environment,
        scoped_routes=_build_scoped_routes(),
        http_filters=filters,
        upgrade_configs=[build_upgrade(filters)],
        http_protocol_options=options,
        http2_protocol_options=_HTTP2,
        common_http_protocol_options=HttpProtocolOptions(
            idle_timeout=IDLE, max_headers_count=UInt32Value(value=limits.header_fields)
        ),
        request_headers_timeout=HEAD_WITHIN,
        # Let the backend answer `Expect: 100-continue` (RFC 9110, section 10.1.1).
        proxy_100_continue=True,
        local_reply_config=build_local_replies(),
        access_log=[
            report_failures(),
            report_rejections(),
            report_certificates(),
            report_rejected_tokens(),
            count_requests(),
            measure_sample(),
        ],
        max_request_headers_kb=UInt32Value(value=limits.header_kib),
        server_header_transformation=HttpConnectionManager.PASS_THROUGH,
        normalize_path={"value": True},
        merge_slashes=False,
        path_with_escaped_slashes_action=HttpConnectionManager.KEEP_UNCHANGED,
        strip_any_host_port=False,
    )
    forward(manager, environment, tls=tls, by_proxy=by_proxy)
    chain = FilterChain(name="proxies" if by_proxy else "callers", filters=[_build_network_filter(manager)])
    if tls:
        chain.transport_socket.CopyFrom(build_downstream_tls())
        chain.transport_socket_connect_timeout.CopyFrom(HANDSHAKE_WITHIN)
    return chain


def _build_network_filter(manager: HttpConnectionManager) -> Filter:
    network_filter = Filter(name="envoy.filters.network.http_connection_manager")
    network_filter.typed_config.Pack(manager, deterministic=True)
    return network_filter


def _build_router() -> HttpFilter:
    router = HttpFilter(name="envoy.filters.http.router")
    # Nothing reads the statistics of each status code (`dynamic_stats`), which cost 2 % of a request's instructions.
    config = Router(suppress_envoy_headers=True, dynamic_stats=BoolValue(value=False), upstream_log=[report_attempts()])
    router.typed_config.Pack(config, deterministic=True)
    return router


def _build_scoped_routes() -> ScopedRoutes:
    """Select a request's routes by the environment and the first segment of its path."""

    def extract(index: int) -> ScopedRoutes.ScopeKeyBuilder.FragmentBuilder:
        extractor = ScopedRoutes.ScopeKeyBuilder.FragmentBuilder.HeaderValueExtractor(
            name=ENVIRONMENT_HEADER, element_separator="/", index=index
        )
        return ScopedRoutes.ScopeKeyBuilder.FragmentBuilder(header_value_extractor=extractor)

    fragments = [extract(0), extract(1)]
    return ScopedRoutes(
        name="scopes",
        scope_key_builder=ScopedRoutes.ScopeKeyBuilder(fragments=fragments),
        rds_config_source=fetch_by_ads(),
        scoped_rds=ScopedRds(scoped_rds_config_source=fetch_by_ads()),
    )
