"""Envoy routes for APIs."""

from dataclasses import replace
from itertools import chain

import pytest
from envoy.config.core.v3.base_pb2 import RoutingPriority
from envoy.config.route.v3.route_components_pb2 import VirtualHost
from envoy.config.route.v3.scoped_route_pb2 import ScopedRouteConfiguration

from holdfast.apis.catalog.connection_settings import ConnectionSettings, Protocol
from holdfast.apis.catalog.endpoint import parse_endpoint
from holdfast.apis.catalog.lifecycle import State
from holdfast.gateway.resources.constants import API_METADATA
from holdfast.gateway.resources.resource import ROUTES
from holdfast.gateway.resources.routes import (
    CALLER_HEADER,
    ENVIRONMENT_HEADER,
    TIME_HEADER,
    build_routes,
    build_scoped_routes,
    find_scope,
    pack_routes,
)
from store.values import make_api


def list_matches(api, environment="production"):
    """Return, for each route, its path, whether it is only for upgrades, the new path, and the cluster."""
    return [
        (
            route.match.path or route.match.path_separated_prefix or route.match.prefix,
            any(header.name == "upgrade" for header in route.match.headers),
            route.route.prefix_rewrite,
            route.route.cluster.removeprefix(f"{api.organization}/{api.id}/"),
        )
        for route in build_routes(api, environment)
    ]


@pytest.mark.parametrize(
    ("url", "rewrites"),
    [
        ("https://pizza.test", [("/pizza/1.0.0", "/"), ("/pizza/1.0.0/", "/")]),
        ("https://pizza.test/", [("/pizza/1.0.0", "/"), ("/pizza/1.0.0/", "/")]),
        ("https://pizza.test/base", [("/pizza/1.0.0", "/base")]),
        ("https://pizza.test/a/b/", [("/pizza/1.0.0", "/a/b")]),
    ],
)
def test_context_and_version_become_the_base_path(url, rewrites):
    api = make_api(context="/pizza", version="1.0.0", production=url)
    assert list_matches(api) == [
        (path, is_upgrade, rewrite, "production") for is_upgrade in (True, False, False) for path, rewrite in rewrites
    ]


def test_upgrades_have_separate_limits_and_a_second_cluster_if_all_requests_use_http_2():
    endpoint = replace(parse_endpoint("http://pizza.test"), connection=ConnectionSettings(protocol=Protocol.HTTP2))
    routes = build_routes(replace(make_api(), production=endpoint), "production")
    assert [route.route.priority for route in routes] == [RoutingPriority.HIGH] * 2 + [RoutingPriority.DEFAULT] * 4
    assert [route.route.cluster.rpartition("/")[2] for route in routes] == ["upgrade"] * 2 + ["h2"] * 4


def test_an_environment_without_an_endpoint_has_no_routes():
    api = make_api(production=None, sandbox="https://sandbox.test")
    assert list_matches(api, "production") == []
    assert {target for *_, target in list_matches(api, "sandbox")} == {"sandbox"}


@pytest.mark.parametrize("state", State)
def test_only_apis_that_are_served_have_routes_to_their_backend(state):
    routes = build_routes(make_api(state=state), "production")
    assert bool(routes) is state.is_live
    assert all(route.HasField("route") is state.is_served for route in routes)


def test_another_organizations_api_is_below_its_prefix():
    paths = {path for path, *_ in list_matches(make_api(context="/pizza", version="1", organization="acme"))}
    assert paths == {"/t/acme/pizza/1"}


def test_the_backend_gets_its_own_host_and_the_callers_in_a_header():
    for url, authority in (("https://pizza.test:8443", "pizza.test:8443"), ("https://[::1]", "[::1]")):
        for route in build_routes(make_api(production=url), "production"):
            assert route.route.host_rewrite_literal == authority
            assert route.route.append_x_forwarded_host


def test_a_long_response_is_not_cut_off_but_a_silent_one_is():
    for route in build_routes(make_api(), "production"):
        assert route.route.timeout.ToTimedelta().total_seconds() == 0
        assert route.route.idle_timeout.ToTimedelta().total_seconds() == 60


def test_silence_counts_as_a_failure_of_a_backend_that_can_be_suspended_except_on_a_websocket():
    endpoint = replace(parse_endpoint("https://pizza.test/base"), connection=ConnectionSettings(suspend_ms=1_000))
    actions = [route.route for route in build_routes(replace(make_api(), production=endpoint), "production")]
    silence = [action.retry_policy.per_try_idle_timeout.ToMilliseconds() for action in actions]
    whole = [action.idle_timeout.ToMilliseconds() for action in actions]
    assert (silence, whole) == ([0, 60_000, 60_000], [60_000, 60_500, 60_500])


def test_the_longest_context_comes_first():
    contexts = ["/a", "/a/1/b", "/a/1", "/a-c"]
    apis = [make_api(f"Api{n}", context=context, version="1") for n, context in enumerate(contexts)]
    resource = build_scoped_routes(
        "production", "a", chain.from_iterable(pack_routes(api, "production") for api in apis)
    )
    assert (resource.type_url, resource.name) == (ROUTES, "production/a")
    (host,) = ScopedRouteConfiguration.FromString(resource.body).route_configuration.virtual_hosts
    assert list(host.domains) == ["*"]
    paths = list(dict.fromkeys(route.match.path_separated_prefix for route in host.routes))
    assert paths == ["/a/1/b/1", "/a/1/1", "/a-c/1", "/a/1"]


def test_a_scope_is_found_by_environment_and_first_segment_and_the_header_is_removed():
    scope = ScopedRouteConfiguration.FromString(build_scoped_routes("sandbox", "pizza", []).body)
    assert [fragment.string_key for fragment in scope.key.fragments] == ["sandbox", "pizza"]
    own = [ENVIRONMENT_HEADER, CALLER_HEADER, TIME_HEADER]
    assert list(scope.route_configuration.request_headers_to_remove) == own


def test_the_scope_is_the_first_segment_which_all_organizations_except_the_default_share():
    assert find_scope(make_api(context="/pizza/shack")) == "pizza"
    assert find_scope(make_api(context="/pizza", organization="acme")) == "t"


def test_every_route_to_a_backend_maps_urls_unless_rewriting_is_turned_off():
    endpoint = parse_endpoint("https://Pizza.test:443/a/b/")
    quiet = replace(endpoint, connection=ConnectionSettings(rewrite_responses=False))
    api = replace(make_api(context="/pizza", version="1"), production=endpoint, sandbox=quiet)
    apis = [api, replace(api, id="other", version="2")]
    resource = build_scoped_routes(
        "production", "pizza", chain.from_iterable(pack_routes(one, "production") for one in apis)
    )
    (host,) = ScopedRouteConfiguration.FromString(resource.body).route_configuration.virtual_hosts
    names = dict(host.metadata.filter_metadata[API_METADATA])
    assert names == {f"default/{one.id}/production": {"name": one.name, "version": one.version} for one in apis}
    mappings = host.metadata.filter_metadata["holdfast.response_rewriting"]
    assert mappings.keys() == {route.name for route in host.routes}
    for one in apis:
        url = {"origin": "https://pizza.test", "host": "pizza.test", "base": "/a/b"}
        assert dict(mappings[f"default/{one.id}/production"]) == url | {"public": one.path}
    (content,) = pack_routes(api, "sandbox")
    sandbox_host = VirtualHost.FromString(content)
    assert sandbox_host.routes
    assert list(sandbox_host.metadata.filter_metadata) == [API_METADATA]
