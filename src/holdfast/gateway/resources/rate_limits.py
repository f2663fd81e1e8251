"""
Limits of how many requests a gateway sends to the backends of an API: WSO2's member `maxTps`.

An API has several routes, and the configuration of a filter in a route has its own counter. So the limits are in the
virtual host, by the name of routes, which all routes of one API and environment share. Envoy's filter doesn't work in
clusters.
"""

from collections.abc import Iterable
from math import ceil

from envoy.config.core.v3.base_pb2 import HeaderValue, HeaderValueOption, RuntimeFractionalPercent
from envoy.config.core.v3.extension_pb2 import TypedExtensionConfig
from envoy.config.route.v3.route_components_pb2 import RateLimit as Action
from envoy.config.route.v3.route_components_pb2 import Route, VirtualHost
from envoy.extensions.common.ratelimit.v3.ratelimit_pb2 import LocalRateLimitDescriptor, RateLimitDescriptor
from envoy.extensions.filters.http.local_ratelimit.v3.local_rate_limit_pb2 import LocalRateLimit
from envoy.extensions.filters.network.http_connection_manager.v3.http_connection_manager_pb2 import HttpFilter
from envoy.extensions.rate_limit_descriptors.expr.v3.expr_pb2 import Descriptor
from envoy.type.v3.percent_pb2 import FractionalPercent
from envoy.type.v3.token_bucket_pb2 import TokenBucket
from google.protobuf.duration_pb2 import Duration
from google.protobuf.wrappers_pb2 import BoolValue, UInt32Value

from holdfast.apis.catalog.request_rules import RateLimit
from holdfast.gateway.resources.constants import METADATA

_FILTER = "envoy.filters.http.local_ratelimit"
_KEY = "route"
_ALWAYS = RuntimeFractionalPercent(default_value=FractionalPercent(numerator=100))
# Requests that the gateway answers itself don't count, so callers without a certificate can't use up the limit.
_ROUTE = "xds.cluster_name == '' ? '' : xds.route_name"
# In the metadata of routes: the seconds after which a gateway accepts another request (RFC 9110, section 10.2.3). All
# limits of a virtual host in one expression would exceed Envoy's limit for the value of a header (16 KiB).
_PAUSE = "pause"
_PAUSE_OF_ROUTE = f"%METADATA(ROUTE:{METADATA}:{_PAUSE})%"
# Routes without a limit use the filter's own bucket, which Envoy requires.
_UNLIMITED = 2**32 - 1


def build_rate_limit_filter() -> HttpFilter:
    """Build the filter, which is disabled except in virtual hosts with limits."""
    http_filter = HttpFilter(name=_FILTER, disabled=True)
    http_filter.typed_config.Pack(LocalRateLimit(stat_prefix=_FILTER), deterministic=True)
    return http_filter


def mark_limit(route: Route, limit: RateLimit) -> None:
    """Mark a route that *limit* is for with the pause that its responses have in `Retry-After`."""
    pause = ceil(limit.seconds / limit.requests)
    route.metadata.filter_metadata[METADATA].update({_PAUSE: str(pause)})


def add_limit(host: VirtualHost, name: str, limit: RateLimit) -> None:
    """Limit the requests that the routes called *name* in *host* match, all together."""
    entry = RateLimitDescriptor.Entry(key=_KEY, value=name)
    descriptor = LocalRateLimitDescriptor(entries=[entry], token_bucket=_build_bucket(limit.requests, limit.seconds))
    _save(host, [*_read(host), descriptor])


def merge_limits(host: VirtualHost, others: Iterable[VirtualHost]) -> None:
    """Add the limits of *others* to *host*, if there are any."""
    if descriptors := [descriptor for other in others for descriptor in _read(other)]:
        _save(host, descriptors)


def _read(host: VirtualHost) -> list[LocalRateLimitDescriptor]:
    if _FILTER not in host.typed_per_filter_config:
        return []
    config = LocalRateLimit()
    host.typed_per_filter_config[_FILTER].Unpack(config)
    return list(config.descriptors)


def _save(host: VirtualHost, descriptors: list[LocalRateLimitDescriptor]) -> None:
    by_route = TypedExtensionConfig(name="envoy.rate_limit_descriptors.expr")
    by_route.typed_config.Pack(Descriptor(descriptor_key=_KEY, text=_ROUTE), deterministic=True)
    config = LocalRateLimit(
        stat_prefix=_FILTER,
        token_bucket=_build_bucket(_UNLIMITED, 1),
        always_consume_default_token_bucket=BoolValue(value=False),
        filter_enabled=_ALWAYS,
        filter_enforced=_ALWAYS,
        descriptors=descriptors,
        rate_limits=[Action(actions=[Action.Action(extension=by_route)])],
        response_headers_to_add=[HeaderValueOption(header=HeaderValue(key="retry-after", value=_PAUSE_OF_ROUTE))],
    )
    host.typed_per_filter_config[_FILTER].Pack(config, deterministic=True)


def _build_bucket(requests: int, seconds: int) -> TokenBucket:
    return TokenBucket(
        max_tokens=requests, tokens_per_fill=UInt32Value(value=requests), fill_interval=Duration(seconds=seconds)
    )
