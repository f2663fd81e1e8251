"""Tests of backends before saving predict what the gateway does."""

import os
import re
import signal
import ssl
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx2
import pytest

from backends import V4, Backend, ListeningBackend, closed_port, http2_backend, silent_backend
from issuing import issue, server_context
from kinds import EXPIRED, ROOT, Kind, itself
from running import Holdfast, PublishedApi, refusal, wait_until

pytestmark = pytest.mark.envoy
NOT_TRUSTED = "503 backend_not_trusted"
IDENTITY = issue(V4)
CODES = {
    "expired": lambda: Kind(issue(V4, by=ROOT, **EXPIRED), ROOT.pem),
    "self_signed_not_trusted": lambda: Kind(issue(V4), issue(V4).pem),
    "unknown_issuer": lambda: Kind(issue(V4, by=ROOT).followed_by(ROOT), issue(ca=True).pem),
    "hostname_mismatch": lambda: itself(issue("other.test")),
    "no_subject_alt_name": lambda: itself(issue(common_name=V4)),
}


def ask(holdfast: Holdfast, endpoint: str, file: bytes | None = None, **fields: str) -> dict[str, Any]:
    files = {"endpoint": (None, endpoint)} | {name: (None, value) for name, value in fields.items()}
    if file is not None:
        files |= {"certificate": ("certificate.crt", file)}
    answer = holdfast.rest.post("/endpoints/probe", files=files)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    assert body["verdict"]["answeredBy"] == "gateway", body
    return body


def would_accept(holdfast: Holdfast, endpoint: str, file: bytes | None = None, **fields: str) -> bool:
    return bool(ask(holdfast, endpoint, file, **fields)["verdict"]["accepted"])


def call(holdfast: Holdfast, path: str) -> str:
    answer = holdfast.call(path)
    return "200" if answer.is_success else refusal(answer)


def find_remains(holdfast: Holdfast) -> set[str]:
    """Name all clusters, secrets and hosts of tests that the gateway has, in whatever state."""
    (socket,) = Path(holdfast.data.parent).glob("holdfast-*/admin")
    transport = httpx2.HTTPTransport(uds=str(socket), verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
    with httpx2.Client(transport=transport, base_url="http://admin", timeout=30) as admin:
        text = admin.get("/config_dump?include_eds").text + admin.get("/clusters").text
    return set(re.findall(r"probe/[0-9a-f]{16}", text))


@pytest.mark.parametrize("code", CODES)
def test_a_rejection_has_its_code_and_remedy(holdfast: Holdfast, code: str):
    case = CODES[code]()
    with Backend(case.identity) as backend:
        verdict = ask(holdfast, backend.url(host=case.host), case.file)["verdict"]
    assert (verdict["accepted"], verdict["code"]) == (False, code)
    assert verdict["message"]
    assert verdict["remedy"]
    assert verdict["reason"]


def test_the_gateway_and_the_probe_see_the_same_chain(holdfast: Holdfast):
    with Backend(issue(V4, by=ROOT)) as backend:
        body = ask(holdfast, backend.url("/base"), ROOT.pem)
    assert body["endpoint"] == backend.url("/base")
    assert body["address"] == body["verdict"]["address"] == f"{V4}:{backend.port}"
    (certificate,) = body["presented"]
    assert certificate["role"] == "leaf"
    assert body["verdict"]["fingerprint"] == certificate["fingerprint"]
    assert body["verdict"]["tlsVersion"] == body["tlsVersion"] == "TLSv1.3"
    assert body["verdict"]["cipher"]
    assert body["verdict"]["message"] == "The gateway accepts this backend because of this certificate."


def test_a_backend_with_http2_is_asked_as_in_traffic(holdfast: Holdfast):
    with http2_backend(IDENTITY) as url:
        body = ask(holdfast, url, IDENTITY.pem)
    assert (body["verdict"]["accepted"], body["alpn"]) == (True, "h2")


def test_a_test_changes_nothing_for_traffic(holdfast: Holdfast):
    other = issue(V4)
    with Backend(IDENTITY) as backend:
        api = holdfast.publish_api(backend.url())
        assert would_accept(holdfast, backend.url(), IDENTITY.pem)
        assert call(holdfast, api.path) == NOT_TRUSTED
        alias = holdfast.import_certificate(backend.url(), IDENTITY.pem)
        assert not would_accept(holdfast, backend.url(), other.pem, alias=alias)
        assert call(holdfast, api.path) == "200"
        entry = holdfast.rest.get(f"/endpoint-certificates/{alias}").json()
        assert entry["enforcement"]["progress"] == "enforced"


def test_a_rejection_in_a_test_is_not_a_failed_request(holdfast: Holdfast):
    def failures(api: PublishedApi) -> list[Any]:
        entries: list[Any] = holdfast.rest.get(f"/apis/{api.id}/failures").json()["list"]
        return entries

    with Backend(IDENTITY) as backend, closed_port() as closed:
        tested_api = holdfast.publish_trusted_api(backend.url(), IDENTITY.pem)
        assert failures(tested_api) == []
        other = holdfast.publish_api(closed)
        assert not would_accept(
            holdfast, backend.url(), issue(V4).pem + issue(V4).pem, alias=alias_of(holdfast, backend)
        )
        assert call(holdfast, other.path) == "503 backend_unreachable"
        wait_until(lambda: failures(other))  # earlier failures have been reported too
        assert failures(tested_api) == []


def alias_of(holdfast: Holdfast, backend: Backend) -> str:
    entries = holdfast.rest.get("/endpoint-certificates", params={"endpoint": backend.url()}).json()["certificates"]
    return str(entries[0]["alias"])


def test_a_secret_that_traffic_uses_stays_when_the_same_was_tested(holdfast: Holdfast):
    with Backend(IDENTITY) as backend:
        api = holdfast.publish_trusted_api(backend.url(), IDENTITY.pem)
        assert would_accept(holdfast, backend.url())
        wait_until(lambda: not find_remains(holdfast))
        with holdfast.caller() as fresh:
            assert fresh.get(api.path, headers={"connection": "close"}).status_code == 200
        backend.present(issue(V4))
        wait_until(lambda: not would_accept(holdfast, backend.url()))


def test_the_replacement_of_a_certificate_is_tested_without_the_one_that_goes(holdfast: Holdfast):
    successor = issue(V4)
    with Backend(IDENTITY) as backend:
        holdfast.publish_api(backend.url())
        alias = holdfast.import_certificate(backend.url(), IDENTITY.pem)
        assert would_accept(holdfast, backend.url())
        assert would_accept(holdfast, backend.url(), successor.pem)
        assert not would_accept(holdfast, backend.url(), successor.pem, alias=alias)
        assert not would_accept(holdfast, backend.url(), alias=alias)


def test_without_any_certificate_the_public_authorities_decide(holdfast: Holdfast):
    with Backend(IDENTITY) as backend:
        verdict = ask(holdfast, backend.url())["verdict"]
    assert (verdict["accepted"], verdict["code"]) == (False, "self_signed_not_trusted")


def test_no_byte_of_http_reaches_the_backend(holdfast: Holdfast):
    identity = issue("localhost")
    with ListeningBackend(server_context(identity)) as backend:
        assert would_accept(holdfast, backend.url("localhost"), identity.pem)
        wait_until(lambda: len(backend.received) == 2)
    assert backend.received == [b"", b""]
    assert backend.names == ["localhost", "localhost"]


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_backend_that_wants_a_client_certificate_is_refused(holdfast: Holdfast, version: ssl.TLSVersion):
    context = server_context(IDENTITY)
    context.minimum_version = context.maximum_version = version
    context.verify_mode = ssl.CERT_REQUIRED
    with ListeningBackend(context) as backend:
        body = ask(holdfast, backend.url(), IDENTITY.pem)
    assert body["clientCertificateRequested"]
    assert not body["verdict"]["accepted"]
    assert body["verdict"]["code"] == "client_certificate_required"
    assert len(body["presented"]) == 1


def test_a_backend_that_would_take_a_client_certificate_and_needs_none_is_accepted(holdfast: Holdfast):
    context = server_context(IDENTITY)
    context.verify_mode = ssl.CERT_OPTIONAL
    with ListeningBackend(context) as backend:
        body = ask(holdfast, backend.url(), IDENTITY.pem)
    assert body["clientCertificateRequested"]
    assert body["verdict"]["accepted"]


def test_a_backend_that_is_not_there_or_speaks_no_tls_has_its_codes(holdfast: Holdfast):
    with closed_port() as url:
        body = ask(holdfast, url)
        assert body["verdict"]["code"] == body["problem"]["code"] == "connection_refused"
    with Backend(None) as backend:
        body = ask(holdfast, backend.url().replace("http:", "https:"))
        assert body["verdict"]["code"] == body["problem"]["code"] == "not_tls"
    with silent_backend() as url:
        body = ask(holdfast, url)
        assert body["verdict"]["code"] == body["problem"]["code"] == "timeout"
    assert body["presented"] == []


def test_nothing_of_a_test_stays_at_the_gateway(holdfast: Holdfast):
    with Backend(IDENTITY) as backend, closed_port() as closed:
        assert would_accept(holdfast, backend.url(), IDENTITY.pem)
        assert not would_accept(holdfast, backend.url())
        assert not would_accept(holdfast, closed)
    wait_until(lambda: not find_remains(holdfast))


def test_a_gateway_whose_processes_are_killed_can_be_asked_again_and_keeps_nothing(tmp_path: Path):
    with Holdfast(tmp_path) as holdfast, Backend(IDENTITY) as backend, silent_backend() as silent:
        fields = {"endpoint": (None, backend.url()), "certificate": ("certificate.crt", IDENTITY.pem)}

        def is_accepted() -> bool:
            return bool(holdfast.rest.post("/endpoints/probe", files=fields).json()["verdict"]["accepted"])

        os.kill(holdfast.envoy, signal.SIGKILL)
        wait_until(is_accepted)
        with ThreadPoolExecutor(1) as thread:
            asking = thread.submit(holdfast.rest.post, "/endpoints/probe", files={"endpoint": (None, silent)})
            wait_until(lambda: find_remains(holdfast))
            os.kill(holdfast.agent, signal.SIGKILL)
            verdict = asking.result().json()["verdict"]
        assert (verdict["answeredBy"], verdict["reason"]) == ("none", "The gateway local disconnected.")
        wait_until(is_accepted)
        wait_until(lambda: not find_remains(holdfast))


def test_only_allowed_networks_are_tested(tmp_path: Path):
    with Holdfast(tmp_path, HOLDFAST_PROBE_NETWORKS="10.0.0.0/8, ::1/128") as holdfast, Backend(IDENTITY) as backend:
        for path in ("/endpoints/probe", "/endpoints/fetch"):
            answer = holdfast.rest.post(path, files={"endpoint": (None, backend.url())})
            assert answer.status_code == 400
            assert "HOLDFAST_PROBE_NETWORKS" in answer.json()["description"]
        assert backend.connections == 0
        with Backend(issue("::1"), "::1") as inside:
            assert would_accept(holdfast, inside.url()) is False
            assert holdfast.rest.post("/endpoints/fetch", files={"endpoint": (None, inside.url())}).json()["presented"]
