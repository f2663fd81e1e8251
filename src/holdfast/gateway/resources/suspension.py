"""
Suspension: after repeated failures, gateways don't call a backend for a while and answer callers at once.

It is Envoy's outlier detection, without the rule that a cluster must keep some of its hosts: the only one is ejected.
"""

from envoy.config.cluster.v3.cluster_pb2 import Cluster
from envoy.config.common.matcher.v3.matcher_pb2 import HttpHeadersMatch, MatchPredicate
from envoy.config.route.v3.route_components_pb2 import HeaderMatcher, Route
from envoy.extensions.upstreams.http.v3.http_protocol_options_pb2 import HttpProtocolOptions
from envoy.type.matcher.v3.string_pb2 import StringMatcher

from holdfast.apis.catalog.connection_settings import DEFAULT_FAILURES, ConnectionSettings
from holdfast.gateway.resources.constants import METADATA, SUSPENDS

_ALL = 100  # percent
_SWEEP_MS = 500  # how often Envoy looks whether a suspension has ended
_UNUSED = (
    "enforcing_consecutive_gateway_failure",
    "enforcing_success_rate",
    "enforcing_failure_percentage",
    "enforcing_local_origin_success_rate",
    "enforcing_failure_percentage_local_origin",
)


def add_suspension(cluster: Cluster, connection: ConnectionSettings) -> None:
    """
    Let failures in a row suspend the only host of *cluster*, if its endpoint asks for it.

    Failures to connect, resets and timeouts count, as do the responses that `count_as_failures` chose. Envoy's own
    split into local and external failures isn't used: with it, each connection ends a row of timeouts.
    Source: `envoy.config.cluster.v3.OutlierDetection`.
    """
    if not connection.suspend_ms:
        return
    detection = cluster.outlier_detection
    detection.consecutive_5xx.value = connection.suspend_after or DEFAULT_FAILURES
    detection.enforcing_consecutive_5xx.value = _ALL
    for name in _UNUSED:
        getattr(detection, name).value = 0
    detection.interval.FromMilliseconds(min(_SWEEP_MS, connection.suspend_ms))
    detection.base_ejection_time.FromMilliseconds(connection.suspend_ms)
    detection.max_ejection_time.FromMilliseconds(connection.suspend_max_ms or connection.suspend_ms)
    detection.max_ejection_percent.value = _ALL
    detection.always_eject_one_host.value = True
    # Below this share of healthy hosts, Envoy would call ejected ones.
    cluster.common_lb_config.healthy_panic_threshold.value = 0


def count_as_failures(options: HttpProtocolOptions, statuses: tuple[int, ...]) -> None:
    """Let responses with one of *statuses* count as failures, and no others."""
    matches = [_match(status) for status in statuses]
    matcher = options.outlier_detection.error_matcher
    if not matches:
        matcher.not_match.any_match = True
    elif len(matches) == 1:
        matcher.CopyFrom(matches[0])
    else:
        matcher.or_match.rules.extend(matches)


def mark_suspension(route: Route, connection: ConnectionSettings) -> None:
    """Mark the routes to a backend that can be suspended, so that replies and causes can name the suspension."""
    if connection.suspend_ms:
        route.metadata.filter_metadata[METADATA].update({SUSPENDS: True})


def _match(status: int) -> MatchPredicate:
    header = HeaderMatcher(name=":status", string_match=StringMatcher(exact=str(status)))
    return MatchPredicate(http_response_headers_match=HttpHeadersMatch(headers=[header]))
