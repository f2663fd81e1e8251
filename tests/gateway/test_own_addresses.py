"""A gateway serves callers on its own addresses instead of those of its group."""

from datetime import timedelta

import pytest
from envoy.config.listener.v3.listener_pb2 import Listener
from envoy.extensions.filters.network.http_connection_manager.v3.http_connection_manager_pb2 import (
    HttpConnectionManager,
)

from holdfast.gateway.agent.own_addresses import use_own_addresses
from holdfast.gateway.resources.listeners import build_listener
from holdfast.gateway.resources.resource import CLUSTER, Resource
from holdfast.network.addresses import read_network
from holdfast.server.clock import utc_now

OWN = (("10.0.0.5", 80), ("fd00::5", 80))
PROXIES = [read_network("10.0.0.0/8")]


@pytest.mark.parametrize("tls", [False, True])
def test_a_listener_is_as_if_it_had_been_built_for_its_own_addresses(tls: bool):
    of_group = build_listener(
        "production", [("127.0.0.1", 8280), ("::1", 8280), ("127.0.0.2", 8280)], tls=tls, trusted_proxies=PROXIES
    )
    own = use_own_addresses(of_group, {of_group.name: OWN})
    expected = build_listener("production", OWN, tls=tls, trusted_proxies=PROXIES)
    assert Listener.FromString(own.body) == Listener.FromString(expected.body)
    assert own.body == expected.body
    assert own.version == of_group.version


def test_other_listeners_and_resources_stay_unchanged():
    sandbox = build_listener("sandbox", [("127.0.0.1", 8281)])
    cluster = Resource(CLUSTER, "production", "1", b"", utc_now() + timedelta(days=1))
    for resource in (sandbox, cluster):
        assert use_own_addresses(resource, {"production": OWN}) is resource
    assert use_own_addresses(sandbox, {}) is sandbox


def test_requests_without_a_host_are_for_the_gateway_itself():
    own = use_own_addresses(build_listener("sandbox", [("127.0.0.1", 8281)]), {"sandbox": [("fd00::5", 80)]})
    (chain,) = Listener.FromString(own.body).filter_chains
    manager = HttpConnectionManager()
    chain.filters[0].typed_config.Unpack(manager)
    assert manager.http_protocol_options.default_host_for_http_10 == "[fd00::5]:80"
