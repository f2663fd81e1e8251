"""A real gateway that uses TLS with its callers."""

import os
import signal
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from cryptography import x509
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from backends import V4, websocket_backend
from calling import GATEWAYS, REFUSED, mutual, tls_of
from issuing import DAY, Identity, issue, speak_only
from ports import free_addresses
from running import Holdfast, refusal, wait_until, write_identity

pytestmark = [pytest.mark.envoy, pytest.mark.long]
ANNA, BERTA = issue(common_name="anna"), issue(common_name="berta")


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tls-gateway")


@pytest.fixture(scope="module")
def holdfast(directory: Path) -> Iterator[Holdfast]:
    with Holdfast(directory, gateway_identity=write_identity(directory, issue(V4, by=GATEWAYS))) as running:
        yield running


def serial_number(holdfast: Holdfast) -> int:
    """The serial number of the certificate that a new connection sees."""
    with (
        socket.create_connection(holdfast.tls_address()) as connection,
        tls_of().wrap_socket(connection, server_hostname=V4) as tls,
    ):
        certificate = tls.getpeercert(binary_form=True)
    assert certificate
    return x509.load_der_x509_certificate(certificate).serial_number


def renew(holdfast: Holdfast, directory: Path, identity: Identity) -> None:
    """Put another certificate into the files, and tell the process."""
    write_identity(directory, identity)
    os.kill(holdfast.pid, signal.SIGHUP)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("http2", [False, True])
def test_both_versions_of_tls_and_of_http_know_the_caller(holdfast: Holdfast, version: ssl.TLSVersion, http2: bool):
    with mutual(holdfast) as (_, api):
        holdfast.let_call(api, ANNA.pem)
        for caller, status in ((ANNA, 200), (BERTA, 403), (None, 403)):
            with holdfast.tls_caller(tls_of(caller, version), http2=http2) as client:
                response = client.get(f"{api.path}/menu")
                answer = ("HTTP/2" if http2 else "HTTP/1.1", status)
                assert (response.http_version, response.status_code) == answer


def test_versions_before_tls_1_2_are_refused(holdfast: Holdfast):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    speak_only(context, ssl.TLSVersion.TLSv1_1, "DEFAULT")
    with socket.create_connection(holdfast.tls_address()) as connection, pytest.raises(ssl.SSLError):
        context.wrap_socket(connection)


def test_a_websocket_is_opened_only_to_a_caller_with_an_accepted_certificate(holdfast: Holdfast):
    backend = issue(V4)
    with websocket_backend(backend) as url:
        api = holdfast.publish_trusted_api(f"{url}/base", backend.pem)
        holdfast.let_call(api, ANNA.pem)
        host, port = holdfast.tls_address()
        for target, tls in (
            (f"wss://{host}:{port}{api.path}/chat", tls_of(BERTA)),
            (f"wss://{host}:{port}{api.path}", tls_of()),
            (f"{holdfast.gateway_url}{api.path}/chat".replace("http:", "ws:"), None),
        ):
            with pytest.raises(InvalidStatus) as error:
                connect(target, ssl=tls, open_timeout=30)
            assert error.value.response.status_code == 403
        with connect(f"wss://{host}:{port}{api.path}/chat?room=1", ssl=tls_of(ANNA), open_timeout=30) as talking:
            talking.send("hello")
            assert talking.recv(timeout=20) == "/base/chat?room=1 hello"


def test_a_renewed_certificate_is_presented_without_a_failed_request(holdfast: Holdfast, directory: Path):
    with mutual(holdfast) as (_, api), holdfast.tls_caller(tls_of(ANNA)) as lasting:
        holdfast.let_call(api, ANNA.pem)
        assert lasting.get(api.path).is_success
        answers: list[httpx2.Response] = []
        end = threading.Event()

        def call() -> None:
            while not end.is_set():
                with holdfast.tls_caller(tls_of(ANNA)) as client:
                    answers.extend(client.get(api.path) for _ in range(3))

        thread = threading.Thread(target=call)
        thread.start()
        try:
            wait_until(lambda: len(answers) > 5)
            for _ in range(3):
                new = issue(V4, by=GATEWAYS)
                renew(holdfast, directory, new)
                wait_until(lambda new=new: serial_number(holdfast) == new.certificate.serial_number)
            count = len(answers)
            wait_until(lambda: len(answers) > count + 5)
        finally:
            end.set()
            thread.join()
        assert {answer.status_code for answer in answers} == {200}
        assert lasting.get(api.path).is_success


@pytest.mark.parametrize("bad", ["expired", "another key", "no certificate"])
def test_unusable_files_never_replace_the_presented_certificate(holdfast: Holdfast, directory: Path, bad: str):
    good = issue(V4, by=GATEWAYS)
    renew(holdfast, directory, good)
    wait_until(lambda: serial_number(holdfast) == good.certificate.serial_number)
    count = holdfast.output.read_text().count("gateway certificate has a problem")
    certificate, key = write_identity(directory, issue(V4, by=GATEWAYS, start=-2 * DAY, end=-DAY))
    if bad == "another key":
        certificate.write_bytes(issue(V4, by=GATEWAYS).chain_pem)
    if bad == "no certificate":
        certificate.write_bytes(b"nothing")
    os.kill(holdfast.pid, signal.SIGHUP)
    problem = "gateway certificate has a problem"
    wait_until(lambda: holdfast.output.read_text().count(problem) > count)
    assert serial_number(holdfast) == good.certificate.serial_number
    assert key.read_text() not in holdfast.output.read_text()


def test_a_gateway_whose_tls_is_named_in_part_does_not_start(tmp_path: Path):
    certificate, key = map(str, write_identity(tmp_path, issue(V4, start=-2 * DAY, end=-DAY)))
    (address,) = free_addresses(1)
    own = Holdfast(tmp_path)
    options = {"gateway-tls": address, "gateway-tls-cert": certificate, "gateway-tls-key": key}
    for missing in options:
        part = {name: value for name, value in options.items() if name != missing}
        assert "belong together" in own.refuse_to_start(**part)


def test_without_tls_caller_certificates_are_refused(tmp_path: Path):
    with Holdfast(tmp_path) as own, mutual(own) as (_, api):
        form, files = {"alias": "anna", "tier": "Gold"}, {"certificate": ("anna.crt", ANNA.pem)}
        response = own.rest.post(f"/apis/{api.id}/client-certificates", data=form, files=files)
        assert (response.status_code, "--gateway-tls" in response.json()["description"]) == (400, True)
        assert own.rest.put(f"/apis/{api.id}", json={"securityScheme": ["mutualssl"]}).status_code == 400
        assert own.call(api.path).is_success


def test_protected_apis_stay_protected_when_tls_is_removed(tmp_path: Path):
    files = write_identity(tmp_path, issue(V4, by=GATEWAYS))
    with Holdfast(tmp_path, gateway_identity=files) as own, mutual(own) as (_, api):
        own.let_call(api, ANNA.pem)
        own.stop()
        own.speak_http_alone()
        own.start()
        assert refusal(own.call(api.path)) == REFUSED
