"""
Websockets: they share the cluster of ordinary requests, with separate connections.

Upgrades need HTTP/1.1, so they offer the backend only this protocol, while other requests negotiate HTTP/2. A second
cluster for them would double the gateway's memory.
"""

from collections.abc import Sequence

from envoy.config.core.v3.substitution_format_string_pb2 import SubstitutionFormatString
from envoy.config.route.v3.route_components_pb2 import FilterConfig, HeaderMatcher, Route
from envoy.extensions.filters.common.set_filter_state.v3.value_pb2 import FilterStateValue
from envoy.extensions.filters.http.set_filter_state.v3.set_filter_state_pb2 import Config
from envoy.extensions.filters.network.http_connection_manager.v3.http_connection_manager_pb2 import (
    HttpConnectionManager,
    HttpFilter,
)
from envoy.type.matcher.v3.string_pb2 import StringMatcher

from holdfast.gateway.resources.tls import write_inline

WEBSOCKET = "websocket"
# Not 426: its response must have the header Upgrade (RFC 9110, section 15.5.22), which Envoy removes. 400 is what
# RFC 6455 (section 4.2.1) proposes.
NO_WEBSOCKET = 400
UPGRADE = HeaderMatcher(name="upgrade", string_match=StringMatcher(exact=WEBSOCKET, ignore_case=True))
_ALPN = "envoy.network.application_protocols"
_FILTER = "holdfast.websocket_protocol"


def build_upgrade(filters: Sequence[HttpFilter]) -> HttpConnectionManager.UpgradeConfig:
    """
    Build a listener's settings for websockets, which pass through *filters* (the router is the last one), too.

    Source: `envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager.UpgradeConfig`.
    """
    chain = [*filters[:-1], _offer_http1(), filters[-1]]
    return HttpConnectionManager.UpgradeConfig(upgrade_type=WEBSOCKET, filters=chain)


def share_connections(route: Route) -> None:
    """Let websockets of *route* use the connection of the caller's other requests."""
    route.typed_per_filter_config[_FILTER].Pack(FilterConfig(disabled=True), deterministic=True)


def _offer_http1() -> HttpFilter:
    """Build the filter that replaces the cluster's ALPN, which also selects other connections."""
    text = SubstitutionFormatString(text_format_source=write_inline("http/1.1"))
    offer = FilterStateValue(object_key=_ALPN, format_string=text, read_only=True)
    http_filter = HttpFilter(name=_FILTER)
    http_filter.typed_config.Pack(Config(on_request_headers=[offer]), deterministic=True)
    return http_filter
