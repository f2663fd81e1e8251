"""Environments as Envoy listeners."""

import json

import pytest
from envoy.config.listener.v3.listener_pb2 import Listener
from envoy.extensions.filters.network.http_connection_manager.v3.http_connection_manager_pb2 import (
    HttpConnectionManager,
)
from envoy.extensions.http.early_header_mutation.header_mutation.v3.header_mutation_pb2 import HeaderMutation
from google.protobuf.json_format import MessageToDict

from holdfast.gateway.listeners import listener
from holdfast.gateway.resource import LISTENER
from holdfast.gateway.routes import ENVIRONMENT_HEADER


def read(environment="production", host="127.0.0.1", port=8280):
    resource = listener(environment, host, port)
    assert (resource.type_url, resource.name) == (LISTENER, environment)
    made = Listener.FromString(resource.body)
    (chain,) = made.filter_chains
    (network,) = chain.filters
    manager = HttpConnectionManager()
    assert network.typed_config.Unpack(manager)
    return made, manager


@pytest.mark.parametrize(("environment", "host", "port"), [("production", "127.0.0.1", 8280), ("sandbox", "::1", 1)])
def test_a_listener_has_its_address_and_its_own_routes_over_the_stream(environment, host, port):
    made, manager = read(environment, host, port)
    address = made.address.socket_address
    assert (address.address, address.port_value) == (host, port)
    assert manager.scoped_routes.scoped_rds.scoped_rds_config_source.HasField("ads")
    mutation = HeaderMutation.FromString(manager.early_header_mutation_extensions[0].typed_config.value)
    (named,) = mutation.mutations
    assert (named.append.header.key, named.append.header.value) == (ENVIRONMENT_HEADER, environment)


def test_dot_segments_cannot_leave_an_api():
    assert read()[1].normalize_path.value


def test_websockets_pass():
    assert [config.upgrade_type for config in read()[1].upgrade_configs] == ["websocket"]


def test_a_caller_is_told_a_code_a_sentence_and_the_request_and_nothing_about_tls():
    replies = read()[1].local_reply_config
    told = [MessageToDict(mapper.body_format_override.json_format) for mapper in replies.mappers]
    assert [(mapper.status_code.value, body["code"]) for mapper, body in zip(replies.mappers, told, strict=True)] == [
        (404, "not_found"),
        (503, "backend_not_trusted"),
        (504, "backend_timeout"),
        (503, "backend_unreachable"),
    ]
    for body in [*told, MessageToDict(replies.body_format.json_format)]:
        assert body.keys() == {"code", "message", "request_id"}
        assert body["request_id"] == "%REQ(X-REQUEST-ID)%"
        assert not any(word in json.dumps(body).upper() for word in ("TLS", "SSL", "CERTIFICATE", "RESPONSE_CODE"))
