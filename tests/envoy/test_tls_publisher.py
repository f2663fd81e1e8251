"""A real Holdfast whose publisher uses TLS."""

import os
import signal
import socket
import ssl
from hashlib import sha256
from urllib.parse import urlsplit

import httpx2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from holdfast.apis.gateways.join_token import read_token
from issuing import DAY, issue, speak_only
from ports import free_addresses
from running import Holdfast, wait_until, write_identity

pytestmark = pytest.mark.envoy
ROOT = issue(ca=True, common_name="publishers' CA")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return write_identity(tmp_path_factory.mktemp("tls"), issue("127.0.0.1", by=ROOT))


@pytest.fixture(scope="module")
def holdfast(tmp_path_factory, files):
    certificate, key = map(str, files)
    directory = tmp_path_factory.mktemp("https")
    with Holdfast(directory, ca=ROOT.pem, HOLDFAST_TLS_CERT=certificate, HOLDFAST_TLS_KEY=key) as running:
        yield running


def address(holdfast):
    parts = urlsplit(holdfast.publisher_url)
    return parts.hostname, parts.port


def serial_number(holdfast):
    """The serial number of the certificate that a new connection sees."""
    context = ssl.create_default_context(cadata=ROOT.pem.decode())
    with (
        socket.create_connection(address(holdfast)) as connection,
        context.wrap_socket(connection, server_hostname="127.0.0.1") as tls,
    ):
        return x509.load_der_x509_certificate(tls.getpeercert(binary_form=True)).serial_number


def sign_in(client, holdfast):
    return client.post("/sign-in", data={"name": "admin", "password": holdfast.admin_password})


def test_pages_and_rest_are_served_only_over_tls(holdfast):
    assert holdfast.rest.get("/apis").json()["count"] == 0
    with holdfast.browser() as client:
        answer = client.get("/sign-in")
    assert (answer.status_code, answer.headers["strict-transport-security"]) == (200, "max-age=31536000")
    with pytest.raises(httpx2.TransportError):
        httpx2.get(holdfast.publisher_url.replace("https", "http"), trust_env=False)
    assert f"publisher {holdfast.publisher_url}," in holdfast.output.read_text()


def test_versions_before_tls_1_2_are_refused(holdfast):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    speak_only(context, ssl.TLSVersion.TLSv1_1, "DEFAULT")
    with socket.create_connection(address(holdfast)) as connection, pytest.raises(ssl.SSLError):
        context.wrap_socket(connection)


def test_the_session_cookie_is_limited_to_this_host(holdfast):
    with holdfast.browser() as client:
        cookie = sign_in(client, holdfast).headers["set-cookie"]
        assert cookie.startswith("__Host-holdfast_session=")
        assert {"Secure", "HttpOnly", "Path=/", "SameSite=lax"} <= set(cookie.split("; "))
        assert client.get("/apis").status_code == 200
        token = client.cookies["__Host-holdfast_session"]
        response = client.post("/sign-out").headers["set-cookie"]
        assert response.startswith('__Host-holdfast_session=""')
        assert "Secure" in response.split("; ")
        assert client.get("/apis").status_code == 303
    assert token


def test_a_cookie_that_another_host_could_have_set_is_not_accepted(holdfast):
    with holdfast.browser() as client:
        sign_in(client, holdfast)
        token = client.cookies["__Host-holdfast_session"]
    with holdfast.browser() as client:
        assert client.get("/apis", headers={"cookie": f"holdfast_session={token}"}).status_code == 303
        both = f"holdfast_session=foreign; __Host-holdfast_session={token}"
        assert client.get("/apis", headers={"cookie": both}).status_code == 200


def test_a_new_certificate_is_presented_after_a_signal_and_open_connections_stay(holdfast, files):
    identity = issue("127.0.0.1", by=ROOT)
    with holdfast.browser() as open_before:
        assert open_before.get("/sign-in").status_code == 200
        write_identity(files[0].parent, identity)
        os.kill(holdfast.pid, signal.SIGHUP)
        wait_until(lambda: serial_number(holdfast) == identity.certificate.serial_number)
        assert open_before.get("/sign-in").status_code == 200


def test_a_join_token_pins_the_key_that_is_presented_when_it_is_created(holdfast):
    token = read_token(holdfast.rest.post("/gateways", json={"name": "eu-1"}).json()["token"])
    context = ssl.create_default_context(cadata=ROOT.pem.decode())
    with (
        socket.create_connection(address(holdfast)) as connection,
        context.wrap_socket(connection, server_hostname="127.0.0.1") as tls,
    ):
        key = x509.load_der_x509_certificate(tls.getpeercert(binary_form=True)).public_key()
    assert token.pins == (sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).digest(),)


def test_a_new_certificate_that_cannot_be_used_does_not_replace_the_old_one(holdfast, files):
    before = serial_number(holdfast)
    write_identity(files[0].parent, issue("127.0.0.1", by=ROOT, start=-2 * DAY, end=-DAY))
    os.kill(holdfast.pid, signal.SIGHUP)
    wait_until(lambda: "publisher certificate has a problem" in holdfast.output.read_text())
    assert serial_number(holdfast) == before


def test_http_beyond_this_machine_is_refused_unless_allowed_explicitly(tmp_path):
    (port,) = (free_address.partition(":")[2] for free_address in free_addresses(1))
    plain = Holdfast(tmp_path)
    message = plain.refuse_to_start(publisher=f"0.0.0.0:{port}")
    assert message == (
        f"holdfast: http://0.0.0.0:{port} is reachable from other machines, and passwords would be sent unencrypted. "
        "Use --tls-cert and --tls-key, or --insecure-http if there is a TLS proxy in front of it."
    )
    plain.rest.close()


def test_a_certificate_without_its_key_or_the_reverse_is_refused(tmp_path, files):
    plain = Holdfast(tmp_path, HOLDFAST_TLS_KEY=str(files[1]))
    assert plain.refuse_to_start() == "holdfast: --tls-cert and --tls-key belong together. Set both or neither."
    plain.rest.close()
