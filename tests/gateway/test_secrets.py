"""Envoy secrets for trust sets."""

from pathlib import Path

import certifi
import pytest
from envoy.extensions.transport_sockets.tls.v3.common_pb2 import SubjectAltNameMatcher, TlsParameters
from envoy.extensions.transport_sockets.tls.v3.secret_pb2 import Secret
from envoy.extensions.transport_sockets.tls.v3.tls_pb2 import UpstreamTlsContext

from holdfast.certificates.formats.parsing import parse
from holdfast.certificates.identity import parse_reference
from holdfast.gateway.resources.public_roots import read_public_roots, read_public_roots_pem
from holdfast.gateway.resources.resource import SECRET
from holdfast.gateway.resources.tls import build_trust_secret, build_upstream_tls, name_trust_secret
from issuing import issue
from trusting import trust_set

HOST = parse_reference("backend.test")


def parse_anchors(*data):
    return [certificate for file in data for certificate in parse(file).certificates]


def read_pem(resource):
    return Secret.FromString(resource.body).validation_context.trusted_ca.inline_string


@pytest.mark.parametrize(
    "write",
    [
        lambda backend: b"\xef\xbb\xbf" + backend.pem,
        lambda backend: backend.pem.replace(b"\n", b"\r\n"),
        lambda backend: b"notes" + backend.pem.replace(b"\n", b"\n  "),
        lambda backend: b"\n" + backend.pem.replace(b"CERTIFICATE", b"X509 CERTIFICATE"),
        lambda backend: backend.der,
    ],
    ids=["byte-order-mark", "crlf", "indented", "old-label", "der"],
)
def test_envoy_gets_pem_that_was_written_from_der(write):
    backend = issue("backend.test")
    resource = build_trust_secret(trust_set(parse_anchors(write(backend)), HOST))
    assert read_pem(resource).encode() == backend.pem
    assert resource.type_url == SECRET


def test_equal_content_has_the_same_name_and_version_in_any_order():
    one, two = issue("backend.test"), issue("backend.test")
    trust_sets = [
        trust_set(parse_anchors(*data), parse_reference(host))
        for data, host in (
            ((one.pem, two.der), "backend.test"),
            ((two.pem, one.pem), "backend.test"),
            ((two.pem + one.pem + two.pem,), "else.test"),
        )
    ]
    assert len({build_trust_secret(trust) for trust in trust_sets}) == 1
    assert build_trust_secret(trust_sets[0]).name == name_trust_secret(trust_sets[0])
    assert Secret.FromString(build_trust_secret(trust_sets[0]).body).name == name_trust_secret(trust_sets[0])


def test_different_content_has_a_different_name():
    one, two = issue("backend.test"), issue("backend.test")
    sets = [(), (one.pem,), (two.pem,), (one.pem, two.pem)]
    assert len({name_trust_secret(trust_set(parse_anchors(*data), HOST)) for data in sets}) == 4


def test_without_anchors_the_public_roots_are_trusted_and_nothing_is_left_to_envoy():
    resource = build_trust_secret(trust_set((), HOST))
    assert read_pem(resource) == Path(certifi.where()).read_text("ascii")
    assert not Secret.FromString(resource.body).validation_context.HasField("system_root_certs")


def test_a_tls_context_names_its_secret_and_the_expected_host():
    trust = trust_set(parse_anchors(issue("backend.test").pem), HOST)
    for alpn in (["h2", "http/1.1"], ["http/1.1"], ["h2"]):
        context = UpstreamTlsContext()
        assert build_upstream_tls(trust, None, alpn).typed_config.Unpack(context)
        common = context.common_tls_context
        assert common.alpn_protocols == alpn
        validation = common.combined_validation_context
        assert validation.validation_context_sds_secret_config.name == name_trust_secret(trust)
        assert validation.validation_context_sds_secret_config.sds_config.HasField("ads")
        (match,) = validation.default_validation_context.match_typed_subject_alt_names
        assert (match.san_type, match.matcher.exact) == (SubjectAltNameMatcher.DNS, "backend.test")
        versions = (common.tls_params.tls_minimum_protocol_version, common.tls_params.tls_maximum_protocol_version)
        assert versions == (TlsParameters.TLSv1_2, TlsParameters.TLSv1_3)
        assert context.max_session_keys.value == 0
        assert context.HasField("max_session_keys")


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_an_address_is_matched_as_an_address(host):
    context = UpstreamTlsContext()
    build_upstream_tls(trust_set((), parse_reference(host)), None, ["h2"]).typed_config.Unpack(context)
    (match,) = (
        context.common_tls_context.combined_validation_context.default_validation_context.match_typed_subject_alt_names
    )
    assert (match.san_type, match.matcher.exact) == (SubjectAltNameMatcher.IP_ADDRESS, host)


def test_reading_the_public_roots_writes_nothing_to_standard_error():
    # Some of them have the serial number 0, for which `cryptography` writes a warning.
    roots = read_public_roots.__wrapped__()
    assert len(roots) == read_public_roots_pem().count("BEGIN CERTIFICATE")
    assert min(root.serial_number for root in roots) == 0
