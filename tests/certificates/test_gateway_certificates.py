"""Certificates of gateways: what a signing request can and can't influence, and what their TLS accepts."""

import socket
import ssl
from base64 import encodebytes
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from threading import Thread

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from hypothesis import example, given, settings
from hypothesis import strategies as st

from enrolling import Machine
from holdfast.certificates.gateway_certificates import (
    BACKDATED,
    CERTIFICATE_LASTS,
    DISCOVERY_NAME,
    UnusableRequest,
    create_authority,
    issue_discovery_certificate,
    issue_gateway_certificate,
    write_pem,
)

NOW = datetime.now(UTC).replace(microsecond=0)
AUTHORITY = create_authority(NOW)
MACHINE = Machine()
REQUEST = MACHINE.request()


def issue(request=REQUEST, name="eu-1", now=NOW):
    return x509.load_der_x509_certificate(issue_gateway_certificate(AUTHORITY, request, name, now).der)


def sign_as_pem(builder, key, digest=None):
    algorithm = None if isinstance(key, ed25519.Ed25519PrivateKey) else digest or hashes.SHA256()
    return builder.sign(key, algorithm).public_bytes(Encoding.PEM).decode()


def build_request(name="boss"):
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    return x509.CertificateSigningRequestBuilder().subject_name(subject)


def test_only_the_public_key_of_a_request_counts():
    greedy = (
        build_request(DISCOVERY_NAME)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(DISCOVERY_NAME)]), critical=False)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    )
    certificate = issue(sign_as_pem(greedy, MACHINE.key))
    assert certificate.public_key() == MACHINE.key.public_key()
    assert certificate.subject.rfc4514_string() == "CN=eu-1"
    find = certificate.extensions.get_extension_for_class
    assert find(x509.BasicConstraints).value.ca is False
    assert list(find(x509.ExtendedKeyUsage).value) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    assert find(x509.SubjectAlternativeName).value.get_values_for_type(x509.UniformResourceIdentifier) == [
        "holdfast://gateways/eu-1"
    ]
    assert len(find(x509.SubjectAlternativeName).value) == 1
    assert not find(x509.KeyUsage).value.key_cert_sign


def test_certificates_last_30_days_and_are_valid_where_the_clock_is_an_hour_behind():
    certificate = issue()
    assert certificate.not_valid_after_utc == NOW + CERTIFICATE_LASTS
    assert certificate.not_valid_before_utc == NOW - BACKDATED
    assert create_authority(NOW).certificate.not_before <= NOW - BACKDATED


def test_a_certificate_does_not_outlive_the_ca():
    end = AUTHORITY.certificate.not_after
    assert issue(now=end - timedelta(days=1)).not_valid_after_utc == end


@pytest.mark.parametrize(
    "key",
    [
        ec.generate_private_key(ec.SECP384R1()),
        ec.generate_private_key(ec.SECP256K1()),
        rsa.generate_private_key(65537, 2048),
        ed25519.Ed25519PrivateKey.generate(),
    ],
    ids=lambda key: type(key).__name__,
)
def test_other_keys_are_rejected(key):
    with pytest.raises(UnusableRequest, match="another kind of key"):
        issue(sign_as_pem(build_request(), key))


def test_a_request_that_is_not_signed_with_its_key_is_rejected():
    der = bytearray(x509.load_pem_x509_csr(REQUEST.encode()).public_bytes(Encoding.DER))
    stolen, own = (key.public_key().public_numbers().x.to_bytes(32, "big") for key in (MACHINE.key, Machine().key))
    at = bytes(der).index(stolen)
    other_subject = bytearray(der)
    other_subject[der.index(b"anything")] ^= 1  # the subject, which is signed
    other_key = bytes(der[:at]) + own + bytes(der[at + 32 :])
    for wrong in (bytes(other_subject), other_key):
        with pytest.raises(UnusableRequest):
            issue(write_request_pem(wrong))


def write_request_pem(der):
    text = encodebytes(der).decode()
    return f"-----BEGIN CERTIFICATE REQUEST-----\n{text}-----END CERTIFICATE REQUEST-----\n"


@pytest.mark.parametrize("text", ["", "x", REQUEST * 30, REQUEST.replace("REQUEST", "X"), "\ud800", "\0" * 100])
def test_texts_that_are_not_requests_are_rejected(text):
    with pytest.raises(UnusableRequest):
        issue(text)


DER = x509.load_pem_x509_csr(REQUEST.encode()).public_bytes(Encoding.DER)


@example(DER.index(b"\2\1\0") + 2, b"\7")  # a version that doesn't exist
@given(st.integers(0, len(DER) - 1), st.binary(min_size=0, max_size=4))
@settings(max_examples=150)
def test_damaged_requests_are_rejected_and_never_issue_for_another_key(position, replacement):
    request = DER[:position] + replacement + DER[position + len(replacement) :]
    with suppress(UnusableRequest):
        assert issue(write_request_pem(request)).public_key() == MACHINE.key.public_key()


@given(st.text(max_size=600))
def test_any_text_either_is_a_request_or_is_rejected(text):
    with pytest.raises(UnusableRequest):
        issue(f"-----BEGIN CERTIFICATE REQUEST-----\n{text}\n-----END CERTIFICATE REQUEST-----\n")


class Handshakes:
    """A server and clients with certificates of a CA, in files, because that is what ssl reads."""

    def __init__(self, directory, authority):
        self._directory = directory
        self._ca = self._write("ca.pem", authority.pem)

    def credential(self, name, certificate, key_pem):
        return self._write(f"{name}.pem", write_pem(certificate)), self._write(f"{name}.key", key_pem)

    def attempt(self, server, client, name=DISCOVERY_NAME):
        """Return whether both sides accept the other's certificate."""
        of_server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        of_server.minimum_version = ssl.TLSVersion.TLSv1_3
        of_server.load_cert_chain(*server)
        of_server.verify_mode = ssl.CERT_REQUIRED
        of_server.load_verify_locations(self._ca)
        of_client = ssl.create_default_context(cafile=self._ca)
        of_client.load_cert_chain(*client)
        ours, theirs = socket.socketpair()

        def serve():
            with suppress(OSError), of_server.wrap_socket(theirs, server_side=True) as connection:
                connection.sendall(b"y")

        thread = Thread(target=serve)
        thread.start()
        try:
            with of_client.wrap_socket(ours, server_hostname=name) as connection:
                return connection.recv(1) == b"y"
        except OSError:
            return False
        finally:
            thread.join()

    def _write(self, name, text):
        path = self._directory / name
        path.write_text(text)
        return path


def test_gateway_and_publisher_accept_each_other_and_cannot_pose_as_each_other(tmp_path):
    tls = Handshakes(tmp_path, AUTHORITY)
    machine_key = MACHINE.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    member = tls.credential("gateway", issue_gateway_certificate(AUTHORITY, REQUEST, "eu-1", NOW), machine_key)
    discovery = issue_discovery_certificate(AUTHORITY, NOW)
    publisher = tls.credential("publisher", discovery.certificate, discovery.key.pem)
    assert tls.attempt(publisher, member)
    assert not tls.attempt(publisher, member, name="publisher.example")
    assert not tls.attempt(member, member, name="eu-1")
    assert not tls.attempt(publisher, publisher)
    other_authority = create_authority(NOW)
    stranger = issue_gateway_certificate(other_authority, REQUEST, "eu-1", NOW)
    assert not tls.attempt(publisher, tls.credential("stranger", stranger, machine_key))
