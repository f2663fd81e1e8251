"""
CORS: which pages of other origins may read an API's responses; the gateway answers their preflight requests.

The filter is disabled except for routes of APIs with a policy.
"""

from collections.abc import Iterable

from envoy.config.common.mutation_rules.v3.mutation_rules_pb2 import HeaderMutation
from envoy.config.core.v3.base_pb2 import HeaderValue, HeaderValueOption
from envoy.config.route.v3.route_components_pb2 import HeaderMatcher, Route, RouteAction, RouteMatch
from envoy.extensions.filters.http.cors.v3.cors_pb2 import Cors
from envoy.extensions.filters.http.cors.v3.cors_pb2 import CorsPolicy as EnvoyPolicy
from envoy.extensions.filters.http.header_mutation.v3.header_mutation_pb2 import HeaderMutationPerRoute, Mutations
from envoy.extensions.filters.network.http_connection_manager.v3.http_connection_manager_pb2 import HttpFilter
from envoy.type.matcher.v3.regex_pb2 import RegexMatcher
from envoy.type.matcher.v3.string_pb2 import StringMatcher
from google.protobuf.any_pb2 import Any
from google.protobuf.wrappers_pb2 import BoolValue

from holdfast.apis.catalog.cors_policy import ANY, CorsPolicy
from holdfast.gateway.resources.constants import MUTATION_FILTER

_FILTER = "envoy.filters.http.cors"
_ANYTHING = StringMatcher(safe_regex=RegexMatcher(regex=".+"))
# What browsers send before a request that HTML forms can't send. The filter answers every request with these fields, if
# they aren't empty.
_PREFLIGHT = (
    HeaderMatcher(name=":method", string_match=StringMatcher(exact="OPTIONS")),
    HeaderMatcher(name="origin", string_match=_ANYTHING),
    HeaderMatcher(name="access-control-request-method", string_match=_ANYTHING),
)
# A backend's own answer would replace the policy for origins that the policy doesn't allow.
_OF_BACKENDS = (
    "access-control-allow-origin",
    "access-control-allow-credentials",
    "access-control-allow-methods",
    "access-control-allow-headers",
    "access-control-expose-headers",
    "access-control-max-age",
    "access-control-allow-private-network",
)
# Envoy repeats the request's origin, so a cache must not give one origin's response to another.
_VARY = HeaderValueOption(header=HeaderValue(key="vary", value="Origin"))
# The filter answers preflight requests before the router adds the fields of a route.
_VARY_OF_PREFLIGHTS = HeaderMutationPerRoute(mutations=Mutations(response_mutations=[HeaderMutation(append=_VARY)]))


def build_cors_filter() -> HttpFilter:
    """Build the filter (`envoy.extensions.filters.http.cors.v3.Cors`)."""
    http_filter = HttpFilter(name=_FILTER, disabled=True)
    http_filter.typed_config.Pack(Cors(), deterministic=True)
    return http_filter


def build_preflight_routes(name: str, cluster: str, public_path: str) -> list[Route]:
    """Build the routes for preflight requests, which have no credentials; *cluster* is never used, but needed."""
    match = RouteMatch(path_separated_prefix=public_path, headers=_PREFLIGHT)
    route = Route(name=name, match=match, route=RouteAction(cluster=cluster))
    route.typed_per_filter_config[MUTATION_FILTER].Pack(_VARY_OF_PREFLIGHTS, deterministic=True)
    return [route]


def apply_cors(policy: CorsPolicy, routes: Iterable[Route]) -> None:
    """Apply *policy* to all responses of *routes*, including the gateway's own errors."""
    config = Any()
    config.Pack(_build_policy(policy), deterministic=True)
    for route in routes:
        if MUTATION_FILTER not in route.typed_per_filter_config:
            route.response_headers_to_add.append(_VARY)
        if route.HasField("direct_response"):
            route.response_headers_to_add.extend(_build_allowed_origin(policy))
        else:
            route.typed_per_filter_config[_FILTER].CopyFrom(config)
            route.response_headers_to_remove.extend(_OF_BACKENDS)


def _build_policy(policy: CorsPolicy) -> EnvoyPolicy:
    origins = [_ANYTHING if origin == ANY else StringMatcher(exact=origin) for origin in policy.origins]
    return EnvoyPolicy(
        allow_origin_string_match=origins,
        allow_methods=", ".join(policy.methods),
        allow_headers=", ".join(policy.headers),
        allow_credentials=BoolValue(value=policy.allow_credentials),
        forward_not_matching_preflights=BoolValue(value=False),
    )


def _build_allowed_origin(policy: CorsPolicy) -> list[HeaderValueOption]:
    """Return what the filter would add, for routes that it ignores; a field whose value is empty isn't sent."""
    if ANY in policy.origins:
        return [_build_field("access-control-allow-origin", ANY)]
    origins = ", ".join(f"'{origin}'" for origin in policy.origins)
    fields = {"access-control-allow-origin": "request.headers['origin']"}
    if policy.allow_credentials:
        fields["access-control-allow-credentials"] = "'true'"
    return [
        _build_field(name, f"%CEL(request.headers['origin'] in [{origins}] ? {value} : '')%")
        for name, value in fields.items()
    ]


def _build_field(name: str, value: str) -> HeaderValueOption:
    return HeaderValueOption(header=HeaderValue(key=name, value=value))
