"""
The kinds of requests to an endpoint, which differ in how gateways send them to the backend.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from envoy.config.core.v3.base_pb2 import RoutingPriority
from envoy.config.route.v3.route_components_pb2 import HeaderMatcher, RetryPolicy
from google.protobuf.duration_pb2 import Duration

from holdfast.apis.catalog.endpoint import Endpoint
from holdfast.gateway.resources.clusters import WEBSOCKET_PRIORITY, name_clusters
from holdfast.gateway.resources.retries import OTHER_METHODS, build_retry_policy
from holdfast.gateway.resources.timeouts import build_response_timeout
from holdfast.gateway.resources.websockets import UPGRADE


@dataclass(frozen=True, slots=True)
class RequestKind:
    """A kind of requests: the conditions for them, and how their routes differ."""

    headers: Sequence[HeaderMatcher]
    cluster: str
    priority: int  # an `envoy.config.core.v3.RoutingPriority`
    retry: RetryPolicy
    timeout: Duration
    is_websocket: bool = False


def list_kinds(target: str, endpoint: Endpoint, who: Sequence[HeaderMatcher] = ()) -> list[RequestKind]:
    """
    Return the kinds of requests of callers that match *who*: the first that matches a request applies.

    *target* is what `name_target` returned.
    """
    connection, usual = endpoint.connection, RoutingPriority.DEFAULT
    priority = usual if connection.connection_per_caller else WEBSOCKET_PRIORITY
    timeout = build_response_timeout(connection)
    careful, free = (build_retry_policy(connection, idempotent=idempotent) for idempotent in (False, True))
    few = replace(connection, retry_all_methods=False) if connection.retry_all_methods else connection
    opening = build_retry_policy(few, idempotent=False)
    cluster, upgrades = name_clusters(target, endpoint)
    return [
        # A websocket has no end that a timeout could wait for.
        RequestKind([*who, UPGRADE], upgrades, priority, opening, Duration(), is_websocket=True),
        RequestKind([*who, *OTHER_METHODS], cluster, usual, careful, timeout),
        RequestKind(who, cluster, usual, free, timeout),
    ]


def select_kinds(method: str, kinds: Iterable[RequestKind]) -> list[RequestKind]:
    """Return those of *kinds* that requests with *method* can be; an upgrade is a GET (RFC 6455, section 4.1)."""
    upgrade, others, idempotent = kinds
    is_other = all(matcher.string_match.exact != method for matcher in OTHER_METHODS)
    own = replace(others, headers=()) if is_other else idempotent
    return [upgrade, own] if method == "GET" else [own]
