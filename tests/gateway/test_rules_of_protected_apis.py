"""Short paths and rules for requests open no way around caller certificates, and none to unlisted operations."""

import re
from dataclasses import replace
from itertools import chain, product

from envoy.config.route.v3.route_components_pb2 import HeaderMatcher, Route
from envoy.config.route.v3.scoped_route_pb2 import ScopedRouteConfiguration
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.test_who_may_call import ANNA, BERTA, NOT_AFTER, NOT_BEFORE
from holdfast.apis.catalog.api import Api
from holdfast.apis.catalog.cors_policy import CorsPolicy
from holdfast.apis.catalog.endpoint import ENVIRONMENTS
from holdfast.apis.catalog.request_rules import RateLimit, RequestRules
from holdfast.apis.definitions.openapi import Operation
from holdfast.gateway.resources.routes import (
    CALLER_HEADER,
    TIME_HEADER,
    build_scoped_routes,
    find_scope,
    pack_routes,
)
from routing import covers
from store.values import make_api

OPERATIONS = (Operation("/pets", "GET"), Operation("/pets/{id}", "PUT"), Operation("/*", "DELETE"))
rules = st.builds(
    RequestRules,
    operations=st.none() | st.sets(st.sampled_from(OPERATIONS), min_size=1).map(tuple),
    cors=st.sampled_from([None, CorsPolicy(("https://shop.test",))]),
    production_limit=st.sampled_from([None, RateLimit(5)]),
)
apis = st.builds(
    replace,
    st.builds(make_api, sandbox=st.just("http://sandbox.test"), requires_certificate=st.just(True)),
    has_short_path=st.booleans(),
    rules=rules,
)
METHODS, BELOW = ("GET", "PUT", "DELETE", "OPTIONS", "HEAD"), ("", "/pets", "/pets/5", "/admin")
VALID, LATE = int(NOT_BEFORE.timestamp()), int(NOT_AFTER.timestamp()) + 1
# Who: the fingerprint of the certificate, and the time.
STRANGERS = [(None, VALID), (BERTA.fingerprint, VALID), (ANNA.fingerprint, LATE), ("", VALID)]


def applies(matcher: HeaderMatcher, fields: dict[str, str]) -> bool:
    """Compare a request as `envoy.config.route.v3.HeaderMatcher` says, as far as routes use it."""
    value = fields.get(matcher.name)
    if value is None:
        if not matcher.treat_missing_header_as_empty:
            # Measured: an inverted matcher of a text ignores requests without the field.
            return matcher.HasField("present_match") and matcher.invert_match == matcher.present_match
        value = ""
    return compare(matcher, value) != matcher.invert_match


def compare(matcher: HeaderMatcher, value: str) -> bool:
    if matcher.HasField("range_match"):
        return value.isdigit() and matcher.range_match.start <= int(value) < matcher.range_match.end
    if matcher.HasField("present_match"):
        return bool(matcher.present_match)
    text = matcher.string_match
    if text.HasField("safe_regex"):
        return re.fullmatch(text.safe_regex.regex, value) is not None
    if text.HasField("contains"):
        return (text.contains.lower() in value.lower()) if text.ignore_case else text.contains in value
    assert text.HasField("exact"), matcher
    return (text.exact.lower() == value.lower()) if text.ignore_case else bool(text.exact == value)


def choose(routes: list[Route], fields: dict[str, str]) -> Route | None:
    path = fields[":path"]
    return next(
        (
            route
            for route in routes
            if covers(route, path) and all(applies(matcher, fields) for matcher in route.match.headers)
        ),
        None,
    )


def build_routes_of(api: Api, environment: str) -> list[Route]:
    routes = pack_routes(api, environment, {ANNA})
    resource = build_scoped_routes(environment, find_scope(api), chain([], routes))
    (host,) = ScopedRouteConfiguration.FromString(resource.body).route_configuration.virtual_hosts
    return list(host.routes)


def list_requests(api: Api, who: tuple[str | None, int]):
    fingerprint, time = who
    for path, below, method in product(filter(None, (api.path, api.short_path)), BELOW, METHODS):
        fields = {":path": path + below, ":method": method, TIME_HEADER: str(time)}
        yield fields | ({CALLER_HEADER: fingerprint} if fingerprint is not None else {})


@settings(max_examples=20)
@given(apis)
def test_strangers_reach_no_backend_at_any_path_with_any_method(api):
    for environment in ENVIRONMENTS:
        routes = build_routes_of(api, environment)
        for who in STRANGERS:
            for fields in list_requests(api, who):
                route = choose(routes, fields)
                assert route is not None
                assert route.direct_response.status == 403, fields


@settings(max_examples=20)
@given(apis)
def test_accepted_callers_reach_exactly_the_listed_operations(api):
    operations = {(operation.verb, operation.target) for operation in api.rules.operations or ()}
    for environment in ENVIRONMENTS:
        routes = build_routes_of(api, environment)
        for fields in list_requests(api, (ANNA.fingerprint, VALID)):
            below = next(path for path in sorted(BELOW, reverse=True) if fields[":path"].endswith(path))
            method = "GET" if fields[":method"] == "HEAD" else fields[":method"]
            target = {"/pets": "/pets", "/pets/5": "/pets/{id}"}.get(below, "")
            expected = api.rules.operations is None or (method, target) in operations or (method, "/*") in operations
            route = choose(routes, fields)
            assert route is not None
            assert route.HasField("route") == expected, fields
            # Both paths count against one limit, and their requests have one name in reports.
            assert route.name == routes[0].name
