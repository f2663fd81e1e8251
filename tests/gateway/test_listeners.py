"""Envoy listeners for environments."""

import json
import re
from ipaddress import ip_network

import pytest
from envoy.config.listener.v3.listener_pb2 import Listener
from envoy.extensions.filters.network.http_connection_manager.v3.http_connection_manager_pb2 import (
    HttpConnectionManager,
)
from envoy.extensions.http.early_header_mutation.header_mutation.v3.header_mutation_pb2 import HeaderMutation
from envoy.extensions.transport_sockets.tls.v3.common_pb2 import CertificateValidationContext, TlsParameters
from envoy.extensions.transport_sockets.tls.v3.secret_pb2 import Secret
from envoy.extensions.transport_sockets.tls.v3.tls_pb2 import DownstreamTlsContext
from google.protobuf.json_format import MessageToDict

from holdfast.apis.catalog.endpoint import ENVIRONMENTS
from holdfast.certificates.formats.credentials import read_credential
from holdfast.gateway.resources.constants import GATEWAY_SECRET
from holdfast.gateway.resources.downstream import build_gateway_secret
from holdfast.gateway.resources.listeners import build_listener
from holdfast.gateway.resources.local_replies import REPLIES
from holdfast.gateway.resources.resource import LISTENER, SECRET
from holdfast.gateway.resources.routes import CALLER_HEADER, ENVIRONMENT_HEADER, TIME_HEADER
from issuing import issue


def read(environment="production", host="127.0.0.1", port=8280, *, more=(), tls=False, proxies=()):
    resource = build_listener(environment, [(host, port), *more], tls=tls, trusted_proxies=proxies)
    assert (resource.type_url, resource.name) == (LISTENER, f"{environment}/tls" if tls else environment)
    listener = Listener.FromString(resource.body)
    (network,) = listener.filter_chains[-1].filters
    manager = HttpConnectionManager()
    assert network.typed_config.Unpack(manager)
    return listener, manager


@pytest.mark.parametrize(("environment", "host", "port"), [("production", "127.0.0.1", 8280), ("sandbox", "::1", 1)])
def test_a_listener_has_its_address_and_its_own_routes_over_the_stream(environment, host, port):
    listener, manager = read(environment, host, port)
    address = listener.address.socket_address
    assert (address.address, address.port_value) == (host, port)
    assert manager.scoped_routes.scoped_rds.scoped_rds_config_source.HasField("ads")


def test_a_listener_has_all_its_addresses_and_an_ipv6_address_is_ipv6_only():
    listener = read(host="0.0.0.0", more=[("::", 8280), ("192.0.2.1", 80)])[0]  # noqa: S104 - nothing is bound to it
    addresses = [listener.address, *(additional.address for additional in listener.additional_addresses)]
    assert [(address.socket_address.address, address.socket_address.port_value) for address in addresses] == [
        ("0.0.0.0", 8280),  # noqa: S104
        ("::", 8280),
        ("192.0.2.1", 80),
    ]
    assert not any(address.socket_address.ipv4_compat for address in addresses)


@pytest.mark.parametrize("environment", ENVIRONMENTS)
@pytest.mark.parametrize("tls", [False, True])
def test_a_listener_replaces_holdfasts_headers_from_callers(environment, tls):
    manager = read(environment, tls=tls)[1]
    mutations = HeaderMutation.FromString(manager.early_header_mutation_extensions[0].typed_config.value).mutations
    headers = [mutation.append.header for mutation in mutations if mutation.HasField("append")]
    pattern = re.compile(mutations[0].remove_on_match.key_matcher.safe_regex.regex)
    assert all(pattern.fullmatch(name) for name in (ENVIRONMENT_HEADER, CALLER_HEADER, TIME_HEADER, "x-request-id"))
    own = {ENVIRONMENT_HEADER: f"{environment}%PATH(NQ:PATH):84%"}
    if tls:
        own |= {CALLER_HEADER: "%DOWNSTREAM_PEER_FINGERPRINT_256%", TIME_HEADER: "%START_TIME(%s)%"}
    assert {header.key: header.value for header in headers if header.key.startswith("x-holdfast")} == own
    assert manager.forward_client_cert_details == HttpConnectionManager.SANITIZE


def test_only_connections_from_trusted_proxies_use_the_chain_for_proxies():
    networks = (ip_network("10.0.0.0/8"), ip_network("fd00::/8"), ip_network("10.0.0.0/8"))
    listener, manager = read(tls=True, proxies=networks)
    callers, proxies = listener.filter_chains
    assert not callers.HasField("filter_chain_match")
    ranges = proxies.filter_chain_match.direct_source_prefix_ranges
    networks = [(network.address_prefix, network.prefix_len.value) for network in ranges]
    assert networks == [("10.0.0.0", 8), ("fd00::", 8)]
    assert callers.transport_socket == proxies.transport_socket
    assert manager.forward_client_cert_details == HttpConnectionManager.ALWAYS_FORWARD_ONLY


def test_a_listener_uses_tls_only_if_told_and_accepts_any_certificate_without_requiring_one():
    assert not read()[0].filter_chains[0].HasField("transport_socket")
    (chain,) = read(tls=True)[0].filter_chains
    context = DownstreamTlsContext.FromString(chain.transport_socket.typed_config.value)
    common = context.common_tls_context
    assert not context.require_client_certificate.value
    assert [config.name for config in common.tls_certificate_sds_secret_configs] == [GATEWAY_SECRET]
    assert list(common.alpn_protocols) == ["h2", "http/1.1"]
    versions = (common.tls_params.tls_minimum_protocol_version, common.tls_params.tls_maximum_protocol_version)
    assert versions == (TlsParameters.TLSv1_2, TlsParameters.TLSv1_3)
    verification = common.validation_context.trust_chain_verification
    assert verification == CertificateValidationContext.ACCEPT_UNTRUSTED
    assert 0 < chain.transport_socket_connect_timeout.seconds <= 60


def test_the_secret_of_the_gateway_keeps_its_name_so_that_open_connections_stay():
    resource_versions = []
    for leaf in (issue("127.0.0.1"), issue("127.0.0.1")):
        resource = build_gateway_secret(read_credential(leaf.chain_pem, None, leaf.key_pem))
        assert (resource.type_url, resource.name) == (SECRET, GATEWAY_SECRET)
        certificate = Secret.FromString(resource.body).tls_certificate
        assert certificate.certificate_chain.inline_string == leaf.pem.decode()
        assert certificate.private_key.inline_string not in repr(resource)
        resource_versions.append(resource.version)
    assert len(set(resource_versions)) == 2


def test_dot_segments_cannot_leave_an_api():
    assert read()[1].normalize_path.value


def test_websockets_pass():
    assert [config.upgrade_type for config in read()[1].upgrade_configs] == ["websocket"]


def test_callers_get_a_code_a_message_and_the_request_id_and_nothing_about_tls():
    replies = read()[1].local_reply_config
    examples, *errors = replies.mappers
    assert not examples.HasField("body_format_override")
    bodies = [MessageToDict(mapper.body_format_override.json_format) for mapper in errors]
    assert [(mapper.status_code.value, body["code"]) for mapper, body in zip(errors, bodies, strict=True)] == [
        (reply.status, reply.code) for reply in REPLIES
    ]
    for body in bodies:
        assert body.keys() == {"code", "message", "request_id"}
        assert body["request_id"] == "%RESP(x-request-id)%"
        forbidden = ("TLS", "SSL", "RESPONSE_CODE", "TRANSPORT", "PEER", "FINGERPRINT")
        assert not any(word in json.dumps(body).upper() for word in forbidden)
        assert "certificate" not in json.dumps(body) or body["code"] == "client_certificate_required"


def test_each_local_reply_has_its_request_id_and_the_last_row_matches_everything():
    mappers = read()[1].local_reply_config.mappers
    assert {header.header.key for mapper in mappers for header in mapper.headers_to_add} == {"x-request-id"}
    assert REPLIES[-1].when == "true"
    # Only redirects keep the backend's status, and only the last row keeps Envoy's.
    assert [reply.code for reply in REPLIES if not reply.status] == ["not_a_websocket", REPLIES[-1].code]


def test_callers_have_limited_time_and_limited_buffers():
    listener, manager = read(tls=True)
    assert listener.filter_chains[0].transport_socket_connect_timeout.seconds == 10
    assert manager.request_headers_timeout.seconds == 30
    assert manager.common_http_protocol_options.idle_timeout.seconds == 75
    assert manager.http2_protocol_options.max_concurrent_streams.value == 100
    assert manager.http2_protocol_options.initial_connection_window_size.value == 1024 * 1024
