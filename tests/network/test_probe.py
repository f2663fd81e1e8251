"""Probes of backends: what they present, and how probes fail."""

import socket
import ssl
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest

from backends import V4, V6, Backend, ListeningBackend, closed_port, http2_backend, silent_backend
from holdfast.network.backend import probe_backend
from holdfast.network.presentation import MAX_BYTES, MAX_CERTIFICATES, FailedHandshake, Obstacle, Presentation
from issuing import DAY, ed25519_key, issue, p521, rsa_key, server_context

HOST = "backend.test"
ROOT = issue(ca=True, common_name="root")
INTERMEDIATE = issue(by=ROOT, ca=True, common_name="intermediate")
LEAF = issue(HOST, by=INTERMEDIATE)
RSA = issue(HOST, key=rsa_key())


def parse_port(url: str) -> int:
    port = urlsplit(url).port
    assert port
    return port


def probe(port: int, server_name: str = "") -> Presentation:
    result = probe_backend([V4], port, server_name)
    assert isinstance(result, Presentation), result
    return result


def fail_to_probe(url: str, seconds: float = 5) -> FailedHandshake:
    failure = probe_backend([V4], parse_port(url), "", seconds)
    assert isinstance(failure, FailedHandshake), failure
    return failure


def list_subjects(result: Presentation) -> list[str]:
    return [certificate.subject for certificate in result.chain]


def demand_certificate(version: ssl.TLSVersion, mode: ssl.VerifyMode = ssl.CERT_REQUIRED) -> ssl.SSLContext:
    """Return the TLS context of a server with one version that requests a client certificate."""
    context = server_context(RSA)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Python warns of old versions
        context.minimum_version = context.maximum_version = version
    context.verify_mode = mode
    return context


@contextmanager
def saying(words: bytes) -> Iterator[str]:
    """A server that sends *words* to each client and closes the connection."""
    with socket.create_server((V4, 0)) as listening:

        def serve() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(words)

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"https://{V4}:{listening.getsockname()[1]}"
        thread.join()


def test_the_presented_chain_is_returned_in_order_and_unverified():
    with Backend(LEAF.followed_by(INTERMEDIATE, ROOT)) as backend:
        result = probe(backend.port, HOST)
    assert list_subjects(result) == [f"CN={HOST}", "CN=intermediate", "CN=root"]
    assert (result.address, result.tls_version, result.certificates.beyond) == (f"{V4}:{backend.port}", "TLSv1.3", 0)
    assert (result.cipher, result.alpn, result.asks_for_certificate, result.end_reason) == (
        "TLS_AES_256_GCM_SHA384",
        "",
        False,
        "",
    )


@pytest.mark.parametrize(
    "leaf",
    [
        issue(HOST, start=-9 * DAY, end=-DAY),
        issue(HOST, start=DAY),
        issue(HOST, key=rsa_key(1024)),
        issue(HOST, key=ed25519_key()),
        issue(HOST, key=p521()),
        LEAF.followed_by(RSA),
    ],
    ids=["expired", "early", "weak", "Ed25519", "P-521", "unordered"],
)
def test_certificates_that_gateways_reject_are_read_too(leaf):
    with Backend(leaf) as backend:
        assert probe(backend.port).chain[0].der == leaf.der


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1, ssl.TLSVersion.TLSv1_2])
def test_old_servers_can_be_probed(version):
    with ListeningBackend(demand_certificate(version, ssl.CERT_NONE)) as backend:
        result = probe(backend.port)
    assert result.tls_version.replace(".", "_") == version.name.replace("TLSv1_0", "TLSv1")
    assert list_subjects(result) == [f"CN={HOST}"]
    assert not result.asks_for_certificate


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_probe_reports_how_a_backend_rejects_a_missing_client_certificate(version):
    with ListeningBackend(demand_certificate(version)) as backend:
        result = probe(backend.port)
    assert result.asks_for_certificate
    assert list_subjects(result) == [f"CN={HOST}"]
    is_tls13 = version is ssl.TLSVersion.TLSv1_3
    assert result.end_reason == ("tlsv13 alert certificate required" if is_tls13 else "tls alert handshake failure")


@pytest.mark.long
def test_a_backend_with_optional_client_certificates_does_not_end_the_connection():
    with ListeningBackend(demand_certificate(ssl.TLSVersion.TLSv1_3, ssl.CERT_OPTIONAL)) as backend:
        result = probe(backend.port)
    assert (result.asks_for_certificate, result.end_reason) == (True, "")


def test_http2_is_offered_as_the_gateway_does():
    with http2_backend(RSA) as url:
        assert probe(parse_port(url)).alpn == "h2"


def test_a_probe_sends_the_sni_but_no_http():
    with ListeningBackend(server_context(RSA)) as backend:
        probe(backend.port, HOST)
        probe(backend.port, "")
    assert backend.names == [HOST, None]
    assert backend.received == [b"", b""]


def test_addresses_are_tried_until_one_answers():
    with Backend(LEAF) as backend:
        result = probe_backend([V6, V4], backend.port, HOST)
    assert isinstance(result, Presentation)
    assert result.address == f"{V4}:{backend.port}"


def test_the_probe_that_got_furthest_is_reported_for_several_addresses():
    with Backend(None) as plain:
        failure = probe_backend([V4, V6], plain.port, HOST)
    assert isinstance(failure, FailedHandshake)
    assert (failure.obstacle, failure.address) == (Obstacle.NOT_TLS, f"{V4}:{plain.port}")


def test_a_port_without_tls_is_reported():
    with saying(b"220 mail.test ESMTP\r\n") as url:
        assert fail_to_probe(url).obstacle is Obstacle.NOT_TLS


def test_a_closed_port_is_reported():
    with closed_port() as url:
        failure = fail_to_probe(url)
    assert (failure.obstacle, failure.text) == (Obstacle.REFUSED, "Connection refused")


def test_waiting_for_a_silent_backend_is_limited():
    start = time.monotonic()
    with silent_backend() as url:
        assert fail_to_probe(url, 0.2).obstacle is Obstacle.TIMEOUT
    assert time.monotonic() - start < 8


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (b"", "connection closed"),
        (b"\x15\x03\x03\x00\x02\x02\x28", "tls alert handshake failure"),
        (b"\x16" + b"\xff" * 100, "wrong version number"),
        (b"\x16\x03\x03\x40\x00\x02\xff\xff\xff" + b"x" * (1 << 14), "excessive message size"),
    ],
    ids=["nothing", "an alert", "nonsense", "a message without an end"],
)
def test_a_failed_handshake_is_reported_in_the_words_of_openssl(words, text):
    with saying(words) as url:
        failure = fail_to_probe(url)
    assert (failure.obstacle, failure.text) == (Obstacle.HANDSHAKE, text)


def test_certificates_beyond_the_limit_are_counted():
    with Backend(RSA.followed_by(*[INTERMEDIATE] * (MAX_CERTIFICATES + 5))) as backend:
        result = probe(backend.port)
    assert (len(result.chain), result.certificates.beyond) == (MAX_CERTIFICATES, 6)


def test_an_endless_chain_is_not_read():
    with Backend(RSA.followed_by(*[INTERMEDIATE] * 400)) as backend:
        failure = fail_to_probe(backend.url())
    assert failure.obstacle is Obstacle.HANDSHAKE
    assert len(INTERMEDIATE.der) * 400 > MAX_BYTES
