"""Envoy clusters for endpoints."""

from dataclasses import replace

import pytest
from envoy.config.cluster.v3.cluster_pb2 import Cluster
from envoy.config.core.v3.base_pb2 import RoutingPriority
from envoy.extensions.transport_sockets.tls.v3.tls_pb2 import UpstreamTlsContext
from envoy.extensions.upstreams.http.v3.http_protocol_options_pb2 import HttpProtocolOptions

from holdfast.apis.catalog.connection_settings import read_connection
from holdfast.apis.catalog.endpoint import parse_endpoint
from holdfast.gateway.resources.backend_limits import BackendLimits
from holdfast.gateway.resources.clusters import build_clusters, name_clusters
from trusting import trust_set

OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"


def make(url, **settings):
    endpoint = replace(parse_endpoint(url), connection=read_connection(settings))
    trust = trust_set((), endpoint.origin.reference) if endpoint.origin.is_secure else None
    return [Cluster.FromString(resource.body) for resource in build_clusters("name", endpoint, trust)]


def tls(cluster):
    context = UpstreamTlsContext()
    assert cluster.transport_socket.typed_config.Unpack(context)
    return context


def protocol(cluster):
    options = HttpProtocolOptions()
    assert cluster.typed_extension_protocol_options[OPTIONS].Unpack(options)
    return options


def address(cluster):
    (locality,) = cluster.load_assignment.endpoints
    (host,) = locality.lb_endpoints
    socket = host.endpoint.address.socket_address
    return socket.address, socket.port_value


@pytest.mark.parametrize(
    ("url", "kind", "expected"),
    [
        ("https://backend.test", Cluster.LOGICAL_DNS, ("backend.test", 443)),
        ("http://backend.test:8080", Cluster.LOGICAL_DNS, ("backend.test", 8080)),
        ("https://localhost:8443/base", Cluster.LOGICAL_DNS, ("localhost", 8443)),
        ("https://127.0.0.1:8443", Cluster.STATIC, ("127.0.0.1", 8443)),
        ("https://[::1]:8443", Cluster.STATIC, ("::1", 8443)),
        ("https://bücher.test", Cluster.LOGICAL_DNS, ("xn--bcher-kva.test", 443)),
    ],
)
def test_addresses_are_used_as_they_are_and_names_are_resolved(url, kind, expected):
    for cluster in make(url):
        assert (cluster.type, address(cluster)) == (kind, expected)
        assert cluster.load_assignment.cluster_name == cluster.name


def test_only_a_name_is_sent_as_sni():
    for cluster in make("https://Backend.test:8443"):
        assert tls(cluster).sni == "backend.test"
    for url in ("https://127.0.0.1", "https://[::1]"):
        assert {tls(cluster).sni for cluster in make(url)} == {""}


def test_an_https_backend_chooses_the_protocol():
    (cluster,) = make("https://backend.test")
    assert list(tls(cluster).common_tls_context.alpn_protocols) == ["h2", "http/1.1"]
    assert protocol(cluster).WhichOneof("upstream_protocol_options") == "auto_config"
    assert name_clusters("name", parse_endpoint("https://backend.test")) == (cluster.name, "name")


def test_the_cluster_of_an_http_backend_has_no_tls():
    (cluster,) = make("http://backend.test")
    assert not cluster.HasField("transport_socket")
    assert protocol(cluster).explicit_http_config.HasField("http_protocol_options")


def test_requests_and_websockets_have_separate_limits():
    limits = BackendLimits(requests=1, connections=2, pending=3, websockets=4, header_fields=5, header_kib=6)
    (resource,) = build_clusters("name", parse_endpoint("http://backend.test"), None, None, limits)
    cluster = Cluster.FromString(resource.body)
    for_requests, for_websockets = cluster.circuit_breakers.thresholds
    assert (for_requests.priority, for_websockets.priority) == (RoutingPriority.DEFAULT, RoutingPriority.HIGH)
    for thresholds, requests in ((for_requests, 1), (for_websockets, 4)):
        assert thresholds.max_requests.value == requests
        assert (thresholds.max_connections.value, thresholds.max_pending_requests.value) == (2, 3)
    common = protocol(cluster).common_http_protocol_options
    assert (common.max_headers_count.value, common.max_response_headers_kb.value) == (5, 6)


@pytest.mark.parametrize(
    ("url", "settings", "alpn", "options"),
    [
        ("https://backend.test", {"protocol": "http1"}, [["http/1.1"]], ["http_protocol_options"]),
        (
            "https://backend.test",
            {"protocol": "http2"},
            [["h2"], ["http/1.1"]],
            ["http2_protocol_options", "http_protocol_options"],
        ),
        ("https://backend.test", {"connection_per_caller": True}, [["http/1.1"]], ["http_protocol_options"]),
        ("http://backend.test", {"protocol": "http1"}, [[]], ["http_protocol_options"]),
        ("http://backend.test", {"protocol": "http2"}, [[], []], ["http2_protocol_options", "http_protocol_options"]),
    ],
)
def test_a_chosen_protocol_is_the_only_one_offered_and_used(url, settings, alpn, options):
    clusters = make(url, **settings)
    assert [protocol(cluster).explicit_http_config.WhichOneof("protocol_config") for cluster in clusters] == options
    protocols = [list(tls(cluster).common_tls_context.alpn_protocols) if url[4] == "s" else [] for cluster in clusters]
    assert protocols == alpn
    endpoint = replace(parse_endpoint(url), connection=read_connection(settings))
    assert name_clusters("name", endpoint) == (clusters[0].name, clusters[-1].name)


def test_callers_have_separate_connections_only_with_one_connection_per_caller():
    for url in ("https://backend.test", "http://backend.test"):
        for per_caller in (True, False):
            for cluster in make(url, connection_per_caller=per_caller):
                assert cluster.connection_pool_per_downstream_connection is per_caller


def test_an_http_endpoint_is_never_built_with_trust():
    plain = parse_endpoint("http://backend.test")
    with pytest.raises(ValueError, match="can't have a trust set"):
        build_clusters("name", plain, trust_set((), plain.origin.reference))


def test_the_same_endpoint_has_the_same_versions():
    endpoint = parse_endpoint("https://backend.test")
    one, same = (build_clusters("name", endpoint, trust_set((), endpoint.origin.reference)) for _ in range(2))
    assert one == same


def test_the_base_path_does_not_change_a_cluster():
    assert make("https://backend.test/a") == make("https://backend.test/b")
