"""
Envoy routes, built from APIs: `/context/version/rest` becomes `/base/rest` at the backend, and `/context/rest` too, if
the version is the default one.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace

from envoy.config.core.v3.base_pb2 import HeaderValue, HeaderValueOption
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

from holdfast.apis.catalog.api import Api
from holdfast.apis.catalog.endpoint import Endpoint, Environment
from holdfast.apis.catalog.lifecycle import State
from holdfast.apis.identities.caller_certificate import AcceptedCaller
from holdfast.gateway.resources.cluster_names import name_cluster
from holdfast.gateway.resources.clusters import name_clusters
from holdfast.gateway.resources.connection_authentication import allow_bound_connections
from holdfast.gateway.resources.constants import API_METADATA
from holdfast.gateway.resources.cors import apply_cors, build_preflight_routes
from holdfast.gateway.resources.credentials import list_removed_headers
from holdfast.gateway.resources.fixed_query import add_query
from holdfast.gateway.resources.members import adapt_action
from holdfast.gateway.resources.mocks import MAX_RESPONSE, build_mock_routes
from holdfast.gateway.resources.operations import (
    OVERRIDES,
    build_operation_refusals,
    match_operation,
    write_patterns,
)
from holdfast.gateway.resources.rate_limits import add_limit, mark_limit, merge_limits
from holdfast.gateway.resources.request_kinds import RequestKind, list_kinds, select_kinds
from holdfast.gateway.resources.resource import ROUTES, Resource, make_resource
from holdfast.gateway.resources.response_rewriting import add_mapping, build_mapping, set_public_path
from holdfast.gateway.resources.suspension import mark_suspension
from holdfast.gateway.resources.timeouts import build_idle_timeout, count_silence
from holdfast.gateway.resources.websockets import NO_WEBSOCKET, share_connections

# Every listener receives all scopes, and finds its own by this header, which it sets itself.
ENVIRONMENT_HEADER = "x-holdfast-environment"
# The SHA-256 of the caller's certificate, whose key the handshake has proven; listeners set it, so callers can't.
CALLER_HEADER = "x-holdfast-caller"
# The start of the request, in seconds since 1970; listeners with TLS set it. Routes compare it with the validity of a
# certificate, so that it also ends, and begins, at a gateway that has lost its publisher.
TIME_HEADER = "x-holdfast-time"
_OWN_HEADERS = (ENVIRONMENT_HEADER, CALLER_HEADER, TIME_HEADER)


def name_target(api: Api, environment: Environment) -> str:
    """
    Return the name of what routes to one environment of *api* refer to: a separate one for each revision.

    Routes then change from one revision to another in one step, and requests in flight finish at the old clusters. Use
    `list_target_clusters` for the names of its clusters.
    """
    name = name_cluster(api.organization, api.id, environment)
    return f"{name}/r{api.revision}" if api.revision else name


def list_target_clusters(api: Api, environment: Environment) -> frozenset[str]:
    """Return the names of the clusters that routes to one environment of *api* use; none without a backend there."""
    endpoint = api.find_endpoint(environment)
    return frozenset(name_clusters(name_target(api, environment), endpoint)) if endpoint else frozenset()


def build_routes(
    api: Api, environment: Environment, callers: Collection[AcceptedCaller] = (), public_path: str = ""
) -> list[Route]:
    """
    Build the routes of one environment of *api*; none if it isn't live or has no backend there.

    A blocked API answers 503 to everything except preflight requests, and a prototype with its examples.

    They begin with *public_path*, its path with the version unless given. If it requires a caller certificate,
    *callers* are accepted. Each has its own routes, because a regular expression of several exceeds Envoy's limit; the
    last routes reject everyone else.
    """
    endpoint, path = api.find_endpoint(environment), public_path or api.path
    if (endpoint is None and api.mocks is None) or not api.state.is_live:
        return []
    callers = [caller for caller in callers if caller.environment in {"", environment}]
    name, target = name_cluster(api.organization, api.id, environment), name_target(api, environment)
    if api.state is State.BLOCKED:
        routes = build_answers(name, path, 503)
    elif api.mocks is not None or endpoint is None:
        # Before the operations: in the routes of each caller, all responses would take memory again.
        others = _refuse_others(name, path, callers) if api.requires_certificate else []
        routes = others + build_mock_routes(name, path, api.mocks or ())
    elif api.rules.operations is not None:
        routes = _build_operation_routes(api, environment, path, list_kinds(target, endpoint), callers)
    elif api.rules.only_websockets:
        others = _refuse_others(name, path, callers) if api.requires_certificate else []
        routes = others + _build_routes_to(api, environment, path, list_kinds(target, endpoint)[:1])
        routes += build_answers(name, path, NO_WEBSOCKET)
    elif not api.requires_certificate:
        routes = _build_routes_to(api, environment, path, list_kinds(target, endpoint))
    else:
        routes = [
            route
            for caller in sorted(callers)
            for route in _build_routes_to(api, environment, path, list_kinds(target, endpoint, _match_caller(caller)))
        ] + build_answers(name, path, 403)
    if api.rules.cors:
        routes = build_preflight_routes(name, target, path) + routes
        apply_cors(api.rules.cors, routes)
    return routes


def _build_operation_routes(
    api: Api,
    environment: Environment,
    path: str,
    kinds: Sequence[RequestKind],
    callers: Collection[AcceptedCaller],
) -> list[Route]:
    """Build the routes of the operations that *api* lists, and those that refuse everyone and everything else."""
    operations, name = api.rules.operations or (), name_cluster(api.organization, api.id, environment)
    operation_kinds = [
        replace(kind, headers=[*kind.headers, *match_operation(method, pattern)])
        for method, pattern in write_patterns(path, operations).items()
        for kind in select_kinds(method, kinds)
    ]
    routes = _build_routes_to(api, environment, path, operation_kinds)
    for route in routes:
        route.request_headers_to_remove.extend(OVERRIDES)
    # Before the operations: in the routes of each caller, all patterns would take memory again.
    others = _refuse_others(name, path, callers) if api.requires_certificate else []
    return others + routes + build_operation_refusals(name, path, operations)


def _match_caller(caller: AcceptedCaller) -> list[HeaderMatcher]:
    """Return the conditions for a request with the certificate of *caller*, while it is valid, both ends included."""
    seconds = Int64Range(start=int(caller.not_before.timestamp()), end=int(caller.not_after.timestamp()) + 1)
    return [
        HeaderMatcher(name=CALLER_HEADER, string_match=StringMatcher(exact=caller.fingerprint)),
        HeaderMatcher(name=TIME_HEADER, range_match=seconds),
    ]


def _refuse_others(name: str, path: str, callers: Collection[AcceptedCaller]) -> list[Route]:
    """Build the routes that reject everyone except *callers*, for routes that accept everyone after them."""
    unknown, late = [], []
    for caller in sorted(callers):
        same, valid = _match_caller(caller)
        # Otherwise, a matcher that is inverted ignores requests without the field (measured).
        other = HeaderMatcher(treat_missing_header_as_empty=True, invert_match=True)
        other.MergeFrom(same)
        never = HeaderMatcher(treat_missing_header_as_empty=True, invert_match=True)
        never.MergeFrom(valid)
        unknown.append(other)
        late += build_answers(name, path, 403, [same, never])
    return build_answers(name, path, 403, unknown) + late


def build_answers(name: str, path: str, status: int, who: Sequence[HeaderMatcher] = ()) -> list[Route]:
    """Build routes that answer *who*, everyone by default, with *status*; local replies write the response."""
    match = RouteMatch(path_separated_prefix=path, headers=who)
    return [Route(name=name, match=match, direct_response=DirectResponseAction(status=status))]


def _build_routes_to(api: Api, environment: Environment, path: str, kinds: Iterable[RequestKind]) -> list[Route]:
    endpoint, name = api.find_endpoint(environment), name_cluster(api.organization, api.id, environment)
    if endpoint is None:
        return []
    common, routes = _build_common(name, path, endpoint), []
    can_suspend = bool(endpoint.connection.suspend_ms) or len(api.list_members(environment)) > 1
    for kind in kinds:
        for match, rewrite in _match_and_rewrite(path, endpoint.base_path, kind.headers):
            action = RouteAction(
                cluster=kind.cluster, priority=kind.priority, prefix_rewrite=rewrite, retry_policy=kind.retry
            )
            action.timeout.CopyFrom(kind.timeout)
            route = Route(match=match, route=action)
            route.MergeFrom(common)
            adapt_action(route.route, api, environment, path)
            if can_suspend and not kind.is_websocket:  # which may be silent
                count_silence(route.route)
            routes.append(route)
    return routes


def _match_and_rewrite(path: str, base_path: str, headers: Sequence[HeaderMatcher]) -> Iterator[tuple[RouteMatch, str]]:
    """Yield the conditions for requests at and below *path*, and what replaces it."""
    if base_path:  # one route, because each takes 5 KiB of Envoy's memory (measured)
        yield RouteMatch(path_separated_prefix=path, headers=headers), base_path
    else:  # Envoy can't replace a path with nothing
        yield RouteMatch(path=path, headers=headers), "/"
        yield RouteMatch(prefix=f"{path}/", headers=headers), "/"


def _build_common(name: str, path: str, endpoint: Endpoint) -> Route:
    """Return what all routes from *path* to *endpoint* have in common."""
    prefix = HeaderValueOption(header=HeaderValue(key="x-forwarded-prefix", value=path))
    action = RouteAction(
        host_rewrite_literal=endpoint.origin.authority,
        append_x_forwarded_host=True,
        idle_timeout=build_idle_timeout(endpoint.connection),
    )
    # Reports of failed requests always have the route's name, but no cluster name if no host could be chosen.
    route = Route(name=name, route=action, request_headers_to_add=[prefix])
    add_query(route, endpoint)
    mark_suspension(route, endpoint.connection)
    if endpoint.security:
        route.request_headers_to_remove.extend(list_removed_headers(endpoint.security.header))
    if endpoint.connection.connection_per_caller:
        allow_bound_connections(route)
        share_connections(route)
    return route


def pack_routes(api: Api, environment: Environment, callers: Collection[AcceptedCaller] = ()) -> tuple[bytes, ...]:
    """
    Build the routes of one environment of *api* and what they need in their virtual host, serialized.

    There is an entry for each of its paths, with the path as the name; none if there are no routes. The first names the
    API of its routes, for access logs and traces. As messages, they would take many times the memory.
    """
    hosts = (
        _pack(api, environment, build_routes(api, environment, callers, path), path)
        for path in (api.path, api.short_path)
        if path
    )
    return tuple(filter(None, hosts))


def _pack(api: Api, environment: Environment, routes: Sequence[Route], path: str) -> bytes:
    endpoint, name = api.find_endpoint(environment), name_cluster(api.organization, api.id, environment)
    if not routes:
        return b""
    host, limit = VirtualHost(name=path, routes=routes), api.rules.limit(environment)
    further = [member.endpoint for member in api.list_members(environment)[1:]]
    for route in host.routes:
        if path != api.path:
            set_public_path(route, path)
        if limit:
            mark_limit(route, limit)
    if path == api.path:
        # In each route, this would take more memory.
        host.metadata.filter_metadata[API_METADATA].update({name: {"name": api.name, "version": api.version}})
    if path == api.path and api.state.is_served:
        if endpoint and api.mocks is None and (mapping := build_mapping(path, endpoint, further)):
            add_mapping(host, name, mapping)
        if limit:
            add_limit(host, name, limit)
    body: bytes = host.SerializeToString(deterministic=True)
    return body


def _merge_metadata(entry: VirtualHost, host: VirtualHost) -> None:
    for key, values in entry.metadata.filter_metadata.items():
        host.metadata.filter_metadata[key].MergeFrom(values)  # many times faster than `update`


def find_scope(api: Api) -> str:
    """Return the scope of *api*'s routes: the first segment of its path."""
    return api.path.split("/")[1]


def name_scope(environment: Environment, scope: str) -> str:
    """Return the name of the resource with the routes of *scope* in *environment*."""
    return f"{environment}/{scope}"


def build_scoped_routes(environment: Environment, scope: str, hosts: Iterable[bytes]) -> Resource:
    """
    Build the resource with all routes in *scope* that `pack_routes` returned, the longest path first.

    Each scope is its own resource, so that a new API doesn't replace all routes
    (`envoy.config.route.v3.ScopedRouteConfiguration`); listeners define how a request finds its scope.
    """
    name = name_scope(environment, scope)
    host = VirtualHost(name=name, domains=["*"])
    entries = sorted(map(VirtualHost.FromString, hosts), key=lambda entry: -len(entry.name))
    for entry in entries:
        host.routes.MergeFrom(entry.routes)
        _merge_metadata(entry, host)
    merge_limits(host, entries)
    configuration = RouteConfiguration(name=name, virtual_hosts=[host], request_headers_to_remove=_OWN_HEADERS)
    # A cluster with a trust exception expires without its routes. A new Envoy would then reject the routes of all APIs.
    configuration.validate_clusters.value = False
    if any(route.direct_response.body.inline_string for route in host.routes):
        configuration.max_direct_response_body_size_bytes.value = MAX_RESPONSE
    fragments = [ScopedRouteConfiguration.Key.Fragment(string_key=part) for part in (environment, scope)]
    key = ScopedRouteConfiguration.Key(fragments=fragments)
    message = ScopedRouteConfiguration(name=name, key=key, route_configuration=configuration)
    return make_resource(ROUTES, name, message)
