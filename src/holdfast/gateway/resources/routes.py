"""
Envoy routes, built from APIs: `/context/version/rest` becomes `/base/rest` at the backend.
"""

from collections.abc import Collection, Iterable, Sequence

from envoy.config.core.v3.base_pb2 import HeaderValue, HeaderValueOption, RoutingPriority
from envoy.config.route.v3.route_components_pb2 import (
    DirectResponseAction,
    HeaderMatcher,
    Route,
    RouteAction,
    RouteMatch,
    VirtualHost,
)
from envoy.config.route.v3.route_pb2 import RouteConfiguration
from envoy.config.route.v3.scoped_route_pb2 import ScopedRouteConfiguration
from envoy.type.matcher.v3.string_pb2 import StringMatcher
from envoy.type.v3.range_pb2 import Int64Range
from google.protobuf.duration_pb2 import Duration

from holdfast.apis.catalog.api import Api
from holdfast.apis.catalog.endpoint import ENVIRONMENTS, Endpoint, Environment
from holdfast.apis.identities.caller_certificate import AcceptedCaller
from holdfast.gateway.resources.clusters import WEBSOCKET_PRIORITY, upgrade_cluster_name
from holdfast.gateway.resources.connection_authentication import allow_bound_connections
from holdfast.gateway.resources.resource import ROUTES, Resource, make_resource
from holdfast.gateway.resources.response_rewriting import add_mappings, build_mapping, read_mappings
from holdfast.gateway.resources.retries import OTHER_METHODS, build_retry_policy
from holdfast.gateway.resources.websockets import UPGRADE, share_connections

# Every listener receives all scopes, and finds its own by this header, which it sets itself.
ENVIRONMENT_HEADER = "x-holdfast-environment"
# The SHA-256 of the caller's certificate, whose key the handshake has proven; listeners set it, so callers can't.
CALLER_HEADER = "x-holdfast-caller"
# The start of the request, in seconds since 1970; listeners with TLS set it. Routes compare it with the validity of a
# certificate, so that it also ends, and begins, at a gateway that has lost its publisher.
TIME_HEADER = "x-holdfast-time"
_OWN_HEADERS = (ENVIRONMENT_HEADER, CALLER_HEADER, TIME_HEADER)
IDLE_TIMEOUT = Duration(seconds=60)
_RETRY, _RETRY_IDEMPOTENT = build_retry_policy(idempotent=False), build_retry_policy(idempotent=True)


def cluster_name(organization: str, api_id: str, environment: Environment) -> str:
    """Return the name of the cluster of one environment of an API."""
    return f"{organization}/{api_id}/{environment}"


def read_cluster_name(name: str) -> tuple[str, str, Environment] | None:
    """Return the organization, API id and environment in a cluster's name; None if it isn't such a name."""
    organization, _, rest = name.rpartition("/")[0].rpartition("/")
    environment = next((candidate for candidate in ENVIRONMENTS if name == f"{organization}/{rest}/{candidate}"), None)
    return (organization, rest, environment) if organization and rest and environment else None


def build_routes(api: Api, environment: Environment, callers: Collection[AcceptedCaller] = ()) -> list[Route]:
    """
    Build the routes of one environment of *api*; none if it is not served or has no backend there.

    If it requires a caller certificate, *callers* are accepted. Each has its own routes, because a regular expression
    of several exceeds Envoy's limit; the last routes reject everyone else.
    """
    endpoint = api.endpoint(environment)
    if endpoint is None or not api.state.is_served:
        return []
    cluster = cluster_name(api.organization, api.id, environment)
    if not api.requires_certificate:
        return _routes_to(cluster, api, endpoint, [])
    accepted = [route for caller in sorted(callers) for route in _routes_to(cluster, api, endpoint, _who(caller))]
    return accepted + build_refusals(api, environment)


def _who(caller: AcceptedCaller) -> list[HeaderMatcher]:
    """Return the conditions for a request with the certificate of *caller*, while it is valid, both ends included."""
    seconds = Int64Range(start=int(caller.not_before.timestamp()), end=int(caller.not_after.timestamp()) + 1)
    return [
        HeaderMatcher(name=CALLER_HEADER, string_match=StringMatcher(exact=caller.fingerprint)),
        HeaderMatcher(name=TIME_HEADER, range_match=seconds),
    ]


def build_refusals(api: Api, environment: Environment) -> list[Route]:
    """Build the routes that reject everyone else; the listener's local replies write the response."""
    refused = DirectResponseAction(status=403)
    matches = (RouteMatch(path=api.path), RouteMatch(prefix=f"{api.path}/"))
    name = cluster_name(api.organization, api.id, environment)
    return [Route(name=name, match=match, direct_response=refused) for match in matches]


def _routes_to(cluster: str, api: Api, endpoint: Endpoint, who: Sequence[HeaderMatcher]) -> list[Route]:
    priority = RoutingPriority.DEFAULT if endpoint.connection.connection_per_caller else WEBSOCKET_PRIORITY
    kinds = (
        ([*who, UPGRADE], upgrade_cluster_name(cluster, endpoint), priority, _RETRY),
        ([*who, *OTHER_METHODS], cluster, RoutingPriority.DEFAULT, _RETRY),
        (who, cluster, RoutingPriority.DEFAULT, _RETRY_IDEMPOTENT),
    )
    below, common, routes = f"{api.path}/", _common(cluster, api, endpoint), []
    for headers, target, priority_of_kind, retry in kinds:
        for match, rewrite in (
            (RouteMatch(path=api.path, headers=headers), endpoint.base_path or "/"),
            (RouteMatch(prefix=below, headers=headers), f"{endpoint.base_path}/"),
        ):
            action = RouteAction(cluster=target, priority=priority_of_kind, prefix_rewrite=rewrite, retry_policy=retry)
            route = Route(match=match, route=action)
            route.MergeFrom(common)
            routes.append(route)
    return routes


def _common(name: str, api: Api, endpoint: Endpoint) -> Route:
    """Return what all routes to *endpoint* have in common."""
    prefix = HeaderValueOption(header=HeaderValue(key="x-forwarded-prefix", value=api.path))
    action = RouteAction(
        host_rewrite_literal=endpoint.origin.authority,
        append_x_forwarded_host=True,
        # A stream may last indefinitely, but not be silent.
        timeout=Duration(),
        idle_timeout=IDLE_TIMEOUT,
    )
    # Reports of failed requests always have the route's name, but no cluster name if no host could be chosen.
    route = Route(name=name, route=action, request_headers_to_add=[prefix])
    if endpoint.connection.connection_per_caller:
        allow_bound_connections(route)
        share_connections(route)
    return route


def pack_routes(api: Api, environment: Environment, callers: Collection[AcceptedCaller] = ()) -> bytes:
    """
    Build the routes of one environment of *api*, as `build_routes` does, and the mapping of its responses, serialized.

    As messages, they would take many times the memory. Empty if there are none.
    """
    host, endpoint = VirtualHost(routes=build_routes(api, environment, callers)), api.endpoint(environment)
    if host.routes and endpoint and (mapping := build_mapping(api.path, endpoint)):
        add_mappings(host, {cluster_name(api.organization, api.id, environment): mapping})
    body: bytes = host.SerializeToString(deterministic=True)
    return body


def scope_of(api: Api) -> str:
    """Return the scope of *api*'s routes: the first segment of its path."""
    return api.path.split("/")[1]


def scope_name(environment: Environment, scope: str) -> str:
    """Return the name of the resource with the routes of *scope* in *environment*."""
    return f"{environment}/{scope}"


def build_scoped_routes(environment: Environment, scope: str, packed: Iterable[bytes]) -> Resource:
    """
    Build the resource with all routes in *scope*, which `pack_routes` returned for each API, the longest path first.

    Each scope is its own resource, so that a new API doesn't replace all routes
    (`envoy.config.route.v3.ScopedRouteConfiguration`); listeners define how a request finds its scope.
    """
    name = scope_name(environment, scope)
    host = VirtualHost(name=name, domains=["*"])
    for routes in sorted(
        map(VirtualHost.FromString, filter(None, packed)), key=lambda own: -len(own.routes[0].match.path)
    ):
        host.routes.MergeFrom(routes.routes)
        add_mappings(host, read_mappings(routes))
    configuration = RouteConfiguration(name=name, virtual_hosts=[host], request_headers_to_remove=_OWN_HEADERS)
    fragments = [ScopedRouteConfiguration.Key.Fragment(string_key=part) for part in (environment, scope)]
    key = ScopedRouteConfiguration.Key(fragments=fragments)
    message = ScopedRouteConfiguration(name=name, key=key, route_configuration=configuration)
    return make_resource(ROUTES, name, message)
