"""Access to APIs: no route leads to the backend of a protected API without an accepted caller certificate."""

import hashlib
from datetime import UTC, datetime
from itertools import chain
from typing import Literal

import pytest
from envoy.config.route.v3.route_components_pb2 import Route
from envoy.config.route.v3.scoped_route_pb2 import ScopedRouteConfiguration
from hypothesis import given
from hypothesis import strategies as st

from holdfast.apis.catalog.api import Api
from holdfast.apis.catalog.endpoint import ENVIRONMENTS, Environment
from holdfast.apis.catalog.lifecycle import State
from holdfast.apis.enforcement import ApiCallers
from holdfast.apis.identities.caller_certificate import AcceptedCaller
from holdfast.gateway.resources.apis import build_api
from holdfast.gateway.resources.resource import ROUTES
from holdfast.gateway.resources.routes import (
    CALLER_HEADER,
    TIME_HEADER,
    build_routes,
    build_scoped_routes,
    find_scope,
    name_scope,
    pack_routes,
)
from routing import covers
from store.values import make_api
from trusting import trust_set

pytestmark = pytest.mark.long

NOT_BEFORE, NOT_AFTER = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC)


def make_caller(name: bytes, environment: Environment | Literal[""] = "") -> AcceptedCaller:
    # As in the database, an API has a certificate only once.
    return AcceptedCaller(hashlib.sha256(name + environment.encode()).hexdigest(), NOT_BEFORE, NOT_AFTER, environment)


ANNA, BERTA = make_caller(b"anna"), make_caller(b"berta")
accepted_callers = st.sets(
    st.builds(make_caller, st.binary(min_size=1), st.sampled_from(["", *ENVIRONMENTS])), max_size=5
)
urls = st.none() | st.sampled_from(["https://a.test", "http://a.test", "https://a.test/base/", "http://[::1]:81/x"])
contexts = st.from_regex(r"/(a|b)(/(a|b|1)){0,2}", fullmatch=True)


@st.composite
def apis(draw: st.DrawFn, *, requires: bool | None = None) -> Api:
    return make_api(
        context=draw(contexts),
        version=draw(st.sampled_from(["1", "a"])),
        production=draw(urls),
        sandbox=draw(urls),
        state=draw(st.sampled_from(State)),
        organization=draw(st.sampled_from(["default", "acme"])),
        requires_certificate=draw(st.booleans()) if requires is None else requires,
    )


def list_callers(route: Route) -> list[str]:
    """Return the fingerprints that a route requires; a route applies only if all its matchers do."""
    return [header.string_match.exact for header in route.match.headers if header.name == CALLER_HEADER]


@given(apis(requires=True), accepted_callers)
def test_a_protected_api_has_no_route_to_a_cluster_without_exactly_one_accepted_certificate(api, callers):
    for environment in ENVIRONMENTS:
        routes = build_routes(api, environment, callers)
        fingerprints = {caller.fingerprint for caller in callers if caller.environment in {"", environment}}
        for route in routes:
            (action,) = [action_name for action_name in ("route", "direct_response") if route.HasField(action_name)]
            if action == "route":
                (fingerprint,) = list_callers(route)
                assert fingerprint in fingerprints
                matcher = next(header for header in route.match.headers if header.name == CALLER_HEADER)
                assert not matcher.invert_match
                assert not matcher.treat_missing_header_as_empty
                assert not matcher.string_match.ignore_case
                (time,) = [header for header in route.match.headers if header.name == TIME_HEADER]
                assert (time.range_match.start, time.range_match.end) == (1767225600, 1798761600)
                assert not time.invert_match
                assert not time.treat_missing_header_as_empty
            else:
                assert route.direct_response.status == (503 if api.state is State.BLOCKED else 403)
        is_served = api.state.is_served and api.find_endpoint(environment) is not None
        assert {list_callers(route)[0] for route in routes if route.HasField("route")} == (
            fingerprints if is_served else set()
        )


@given(apis(), accepted_callers)
def test_every_path_of_a_protected_api_ends_in_a_rejection_and_other_apis_have_none(api, callers):
    for environment in ENVIRONMENTS:
        routes = build_routes(api, environment, callers)
        for path in (api.path, f"{api.path}/below"):
            last = [route for route in routes if covers(route, path)][-1:]
            rejections = [route for route in last if route.HasField("direct_response")]
            assert rejections == (last if api.requires_certificate or api.state is State.BLOCKED else [])
            assert bool(last) == bool(routes)
        assert not any(route.match.headers for route in routes if route.HasField("direct_response"))
        assert not any(covers(route, f"{api.path}-") for route in routes)


@given(st.lists(apis(), min_size=2, max_size=4, unique_by=lambda api: api.path), accepted_callers)
def test_no_other_api_in_a_scope_bypasses_a_rejection(apis_of_scope, callers):
    for environment in ENVIRONMENTS:
        resource = build_scoped_routes(
            environment, "a", chain.from_iterable(pack_routes(api, environment, callers) for api in apis_of_scope)
        )
        (host,) = ScopedRouteConfiguration.FromString(resource.body).route_configuration.virtual_hosts
        for api in apis_of_scope:
            if not (api.requires_certificate and api.state.is_served and api.find_endpoint(environment)):
                continue
            for path in (api.path, f"{api.path}/below"):
                route = next(one for one in host.routes if not one.match.headers and covers(one, path))
                assert route.HasField("direct_response")


def test_caller_certificates_matter_only_if_the_api_requires_them():
    api = make_api(requires_certificate=False)
    assert build_routes(api, "production", {ANNA}) == build_routes(api, "production")


def test_a_protected_api_without_certificates_rejects_everyone():
    (route,) = build_routes(make_api(requires_certificate=True), "production")
    assert route.direct_response.status == 403


def test_enforcement_of_a_protected_api_waits_for_its_routes():
    api = make_api(requires_certificate=True, sandbox="http://sandbox.test")
    assert api.production
    trust = {api.production.origin: trust_set([], api.production.origin.reference)}
    resources = build_api(api, trust, callers={ANNA, BERTA})
    assert resources.by_policy[ApiCallers(api.id)] == {
        (ROUTES, name_scope(name, find_scope(api))) for name in ENVIRONMENTS
    }
    open_one = make_api()
    assert open_one.production
    assert ApiCallers(open_one.id) not in build_api(open_one, trust).by_policy
