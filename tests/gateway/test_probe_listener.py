"""The JSON that agents write without Envoy's messages, read with them."""

import pytest
from envoy.config.cluster.v3.cluster_pb2 import Cluster
from envoy.config.listener.v3.listener_pb2 import Listener
from envoy.config.overload.v3.overload_pb2 import OverloadManager
from envoy.config.route.v3.scoped_route_pb2 import ScopedRouteConfiguration
from envoy.extensions.access_loggers.filters.cel.v3.cel_pb2 import ExpressionFilter
from envoy.extensions.filters.http.router.v3.router_pb2 import Router
from envoy.extensions.filters.network.http_connection_manager.v3.http_connection_manager_pb2 import (
    HttpConnectionManager,
)
from envoy.extensions.resource_monitors.downstream_connections.v3.downstream_connections_pb2 import (
    DownstreamConnectionsConfig,
)
from envoy.extensions.transport_sockets.tls.v3.secret_pb2 import Secret
from google.protobuf.json_format import ParseDict

from holdfast.gateway.probing.listener import describe_probe_listener
from holdfast.gateway.process.overload import describe_overload_manager
from holdfast.gateway.resources.constants import SLOW_CONNECTION
from holdfast.gateway.resources.local_replies import match_expression
from holdfast.gateway.resources.resource import CLUSTER, LISTENER, ROUTES, SECRET


def unpack(any_message, message):
    assert any_message.Unpack(message)
    return message


@pytest.fixture
def listener(tmp_path):
    return ParseDict(describe_probe_listener(tmp_path / "probe"), Listener())


@pytest.fixture
def manager(listener):
    return unpack(listener.filter_chains[0].filters[0].typed_config, HttpConnectionManager())


def test_only_this_user_can_probe(listener, tmp_path):
    assert (listener.address.pipe.path, listener.address.pipe.mode) == (str(tmp_path / "probe"), 0o600)
    assert listener.ignore_global_conn_limit


def test_probes_are_not_reported_as_failed_requests(manager):
    assert not manager.access_log


def test_a_probe_is_a_connect_or_a_head_request_and_tokens_are_requested_by_post(manager):
    connect, head, post = manager.route_config.virtual_hosts[0].routes
    assert connect.match.HasField("connect_matcher")
    assert head.match.headers[0].string_match.exact == "HEAD"
    assert post.match.headers[0].string_match.exact == "POST"
    assert unpack(manager.http_filters[0].typed_config, Router()).suppress_envoy_headers


def test_the_probe_listener_uses_the_conditions_of_callers_requests(manager):
    slow, _ = manager.local_reply_config.mappers
    assert slow.filter == match_expression(SLOW_CONNECTION)
    assert unpack(slow.filter.extension_filter.typed_config, ExpressionFilter()).expression == SLOW_CONNECTION


def test_the_limit_on_connections_is_what_envoy_expects():
    (monitor,) = ParseDict(describe_overload_manager(100), OverloadManager()).resource_monitors
    assert unpack(monitor.typed_config, DownstreamConnectionsConfig()).max_active_downstream_connections == 100


def test_the_types_of_resources_have_the_names_of_envoys_messages():
    messages = {CLUSTER: Cluster, LISTENER: Listener, ROUTES: ScopedRouteConfiguration, SECRET: Secret}
    for type_url, message in messages.items():
        assert type_url == f"type.googleapis.com/{message.DESCRIPTOR.full_name}"
