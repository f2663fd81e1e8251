"""The resources that the gateway needs for a probe."""

from dataclasses import replace

import pytest
from envoy.config.cluster.v3.cluster_pb2 import Cluster
from envoy.extensions.transport_sockets.tls.v3.secret_pb2 import Secret
from envoy.extensions.transport_sockets.tls.v3.tls_pb2 import UpstreamTlsContext

from holdfast.apis.catalog.connection_settings import ConnectionSettings, Protocol
from holdfast.apis.catalog.endpoint import parse_endpoint
from holdfast.certificates.certificate import read_certificate
from holdfast.gateway.probing.resources import build_probe
from holdfast.gateway.resources.clusters import build_clusters
from holdfast.gateway.resources.tls import build_trust_secret
from issuing import issue
from trusting import trust_set

ANCHORS = [read_certificate(issue("backend.test").der)]
URLS = ["https://backend.test:8443/base", "https://127.0.0.1:8443", "https://[::1]"]


def make_probe(url, anchors=(), addresses=("192.0.2.1",)):
    endpoint = parse_endpoint(url)
    trust = trust_set(anchors, endpoint.origin.reference)
    probe = build_probe("probe/1", endpoint, trust, addresses)
    return endpoint, trust, probe, Cluster.FromString(probe.cluster.body)


def unpack_tls(cluster):
    context = UpstreamTlsContext()
    assert cluster.transport_socket.typed_config.Unpack(context)
    return context


def read_secret_config(context):
    return context.common_tls_context.combined_validation_context.validation_context_sds_secret_config


@pytest.mark.parametrize("anchors", [[], ANCHORS], ids=["public", "imported"])
@pytest.mark.parametrize("url", URLS)
def test_probes_verify_backends_exactly_as_callers_requests_do(url, anchors):
    endpoint, trust, probe, cluster = make_probe(url, anchors)
    real = Cluster.FromString(build_clusters("real", endpoint, trust)[0].body)
    ours, theirs = unpack_tls(cluster), unpack_tls(real)
    assert probe.server_name == theirs.sni
    assert read_secret_config(ours).name == probe.secrets[0].name == "probe/1"
    read_secret_config(ours).name = read_secret_config(theirs).name
    assert ours == theirs
    assert cluster.typed_extension_protocol_options == real.typed_extension_protocol_options
    assert cluster.connect_timeout == real.connect_timeout
    secret, traffic_secret = Secret.FromString(probe.secrets[0].body), Secret.FromString(build_trust_secret(trust).body)
    assert secret.name == "probe/1"
    assert secret.validation_context == traffic_secret.validation_context


@pytest.mark.parametrize("protocol", list(Protocol))
def test_a_probe_uses_the_protocol_of_callers_requests(protocol):
    endpoint = replace(parse_endpoint("https://backend.test:8443"), connection=ConnectionSettings(protocol))
    trust = trust_set(ANCHORS, endpoint.origin.reference)
    cluster = Cluster.FromString(build_probe("probe/1", endpoint, trust, ["192.0.2.1"]).cluster.body)
    real = Cluster.FromString(build_clusters("probe/1", endpoint, trust)[0].body)
    assert cluster.name == cluster.load_assignment.cluster_name == "probe/1"
    assert unpack_tls(cluster).common_tls_context.alpn_protocols == unpack_tls(real).common_tls_context.alpn_protocols
    assert cluster.typed_extension_protocol_options == real.typed_extension_protocol_options
    assert read_secret_config(unpack_tls(cluster)).name == "probe/1"


def test_an_http_endpoint_needs_no_secret():
    probe = build_probe("probe/1", parse_endpoint("http://backend.test/base"), None, ["192.0.2.1"])
    assert (probe.secrets, probe.authority, probe.server_name) == ((), "backend.test", "")
    assert not Cluster.FromString(probe.cluster.body).HasField("transport_socket")


def test_probes_connect_only_to_the_resolved_addresses():
    _, _, _, cluster = make_probe("https://backend.test:8443", addresses=["2001:db8::1", "192.0.2.1"])
    (locality,) = cluster.load_assignment.endpoints
    (host,) = locality.lb_endpoints
    addresses = [host.endpoint.address, *(additional.address for additional in host.endpoint.additional_addresses)]
    targets = [(address.socket_address.address, address.socket_address.port_value) for address in addresses]
    assert targets == [("2001:db8::1", 8443), ("192.0.2.1", 8443)]
    assert cluster.type == Cluster.STATIC
    assert not cluster.HasField("typed_dns_resolver_config")


def test_all_resources_of_a_probe_are_removed():
    _, _, probe, _ = make_probe("https://backend.test")
    assert probe.resources == (probe.cluster, *probe.secrets)
