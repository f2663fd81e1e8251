"""Responses of backends to the gateway's HEAD request, and the reasons if there is no response."""

import ssl
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import httpx2
import pytest

from backends import V4, Backend, ListeningBackend, closed_port, http2_backend, silent_backend
from issuing import identity_file, issue, server_context
from kinds import ROOT
from running import Holdfast, PublishedApi, wait_until

pytestmark = pytest.mark.envoy
IDENTITY = issue(V4)
CLIENT_CA = issue(ca=True, common_name="CA of clients")


def post(holdfast: Holdfast, endpoint: str, **more: str) -> httpx2.Response:
    return holdfast.rest.post("/apis/validate-endpoint", params={"endpointUrl": endpoint} | more)


def check(holdfast: Holdfast, endpoint: str) -> dict[str, Any]:
    answer = post(holdfast, endpoint)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    assert body.keys() == {"statusCode", "statusMessage", "error"}
    assert (body["statusCode"] == 0) == (body["error"] != ""), body
    return body


def code(holdfast: Holdfast, endpoint: str) -> str:
    """Return why there was no answer, and check that there is a message too."""
    body = check(holdfast, endpoint)
    assert body["error"], body
    code_, _, words = body["error"].partition(": ")
    assert words.endswith(".")
    return str(code_)


def publish_trusted(holdfast: Holdfast, url: str, file: bytes = IDENTITY.pem) -> None:
    holdfast.publish_trusted_api(url, file)


@pytest.mark.parametrize(
    ("status", "phrase"),
    [
        (200, "OK"),
        (301, "Moved Permanently"),
        (405, "Method Not Allowed"),
        (404, "Not Found"),
        (503, "Service Unavailable"),
    ],
)
def test_any_status_is_an_answer(holdfast: Holdfast, status: int, phrase: str):
    with Backend(IDENTITY) as secure, Backend(None) as plain:
        publish_trusted(holdfast, secure.url())
        for backend in (secure, plain):
            body = check(holdfast, backend.url(f"/status/{status}"))
            assert body == {"statusCode": status, "statusMessage": phrase, "error": ""}
            assert backend.requests == 1


def test_a_check_sends_one_request_without_credentials(holdfast: Holdfast):
    identity = issue("localhost")
    reply = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 418 secret words\r\nset-cookie: a\r\n\r\n"
    with ListeningBackend(server_context(identity), reply) as backend:
        url = backend.url("localhost")
        publish_trusted(holdfast, url, identity.pem)
        body = check(holdfast, f"{url}/base/%20x/")
        assert body == {"statusCode": 418, "statusMessage": "I'm a Teapot", "error": ""}
        wait_until(lambda: any(backend.received))
    (request,) = [data for data in backend.received if data]
    host = url.removeprefix("https://")
    assert request.decode() == f"HEAD /base/%20x/ HTTP/1.1\r\nhost: {host}\r\nuser-agent: Holdfast\r\n\r\n"


def set_protocol(holdfast: Holdfast, url: str, protocol: str) -> PublishedApi:
    """Publish an API that trusts the backend at *url* and speaks *protocol* with it."""
    api = holdfast.publish_trusted_api(url, IDENTITY.pem) if url.startswith("https") else holdfast.publish_api(url)
    endpoints = {"production_endpoints": {"url": url, "config": {"protocol": protocol}}}
    assert holdfast.rest.put(f"/apis/{api.id}", json={"endpointConfig": endpoints}).status_code == 200
    return api


@pytest.mark.parametrize(
    ("protocols", "protocol", "version"),
    [
        (["h2"], "auto", "2"),
        (["http/1.1"], "auto", "1.1"),
        (["h2", "http/1.1"], "auto", "2"),
        (["h2", "http/1.1"], "http1", "1.1"),
        (["h2", "http/1.1"], "http2", "2"),
    ],
)
def test_a_check_speaks_the_protocol_of_traffic(holdfast: Holdfast, protocols: list[str], protocol: str, version: str):
    with http2_backend(IDENTITY, protocols) as url:
        api = set_protocol(holdfast, url, protocol)
        wait_until(lambda: holdfast.call(api.path).json().get("http") == version)
        assert check(holdfast, url)["statusCode"] == 200


def test_a_protocol_that_the_backend_does_not_speak_fails_in_traffic_and_in_the_check(holdfast: Holdfast):
    with Backend(IDENTITY) as backend:
        api = set_protocol(holdfast, backend.url(), "http2")
        wait_until(lambda: not holdfast.call(api.path).is_success)
        assert check(holdfast, backend.url())["statusCode"] == 0


def test_http2_without_tls_is_spoken_with_prior_knowledge(holdfast: Holdfast):
    with http2_backend(None) as url:
        api = set_protocol(holdfast, url, "http2")
        wait_until(lambda: (answer := holdfast.call(api.path)).is_success and answer.json()["http"] == "2")
        assert check(holdfast, url)["statusCode"] == 200


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (b"SSH-2.0-OpenSSH_9.9\r\n", "not_http"),
        (b"HTTP/2 200\r\n", "not_http"),
        (b"HTTP/1.1 2000\r\n\r\n", "not_http"),
        (b"HTTP/1.1 200", "not_http"),
        (b"x" * 3_000_000, "not_http"),
        (b"HTTP/1.1 100 Continue\r\n\r\n" * 1000, "closed_before_response"),
        (b"\r\n", "not_http"),
    ],
)
def test_a_response_that_is_not_http_is_reported_without_its_content(holdfast: Holdfast, reply: bytes, expected: str):
    with ListeningBackend(server_context(IDENTITY), reply) as backend:
        publish_trusted(holdfast, backend.url())
        message = check(holdfast, backend.url())["error"]
        assert message.startswith(f"{expected}: ")
        assert "SSH" not in message


def test_a_check_has_the_codes_of_a_test(holdfast: Holdfast):
    intermediate = issue(by=ROOT, ca=True, common_name="intermediate")
    with Backend(IDENTITY) as backend:
        assert code(holdfast, backend.url()) == "self_signed_not_trusted"
        assert backend.requests == 0
    with Backend(issue(V4, by=intermediate).alone) as backend:
        publish_trusted(holdfast, backend.url(), ROOT.pem)
        assert code(holdfast, backend.url()) == "chain_incomplete"
    with closed_port() as url:
        assert code(holdfast, url) == code(holdfast, url.replace("https", "http")) == "connection_refused"
    with Backend(None) as plain:
        assert code(holdfast, plain.url().replace("http:", "https:")) == "not_tls"
    with silent_backend() as url, ThreadPoolExecutor() as pool:
        urls = (url, url.replace("https", "http"))
        assert [*pool.map(partial(code, holdfast), urls)] == ["timeout", "timeout"]
    assert code(holdfast, "https://nobody.invalid") == "dns_failure"


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_the_client_certificate_of_traffic_is_presented_and_missed(holdfast: Holdfast, version: ssl.TLSVersion):
    context = server_context(IDENTITY, client_ca=CLIENT_CA)
    context.minimum_version = context.maximum_version = version
    with ListeningBackend(context, b"HTTP/1.1 200 OK\r\n\r\n") as backend:
        publish_trusted(holdfast, backend.url())
        assert code(holdfast, backend.url()) == "client_certificate_required"
        files = {"certificate": ("client.pem", identity_file(None, issue(common_name="gateway", by=CLIENT_CA)))}
        params = {"endpoint": backend.url()}
        assert holdfast.rest.put("/endpoints/client-certificate", params=params, files=files).status_code == 200
        assert check(holdfast, backend.url())["statusCode"] == 200


def test_addresses_that_are_never_connected_to_are_not_for_http_either(tmp_path: Path):
    with Holdfast(tmp_path, HOLDFAST_PROBE_NETWORKS="10.0.0.0/8, 169.254.0.0/16, ::1/128") as holdfast:
        with Backend(None) as backend:
            answers = [post(holdfast, url) for url in (backend.url(), "http://169.254.169.254/latest/meta-data")]
            assert backend.connections == 0
        for answer in answers:
            assert answer.status_code == 400
            assert [problem["code"] for problem in answer.json()["error"]] == ["endpointUrl"]
            assert "HOLDFAST_PROBE_NETWORKS" in answer.json()["description"]
        with Backend(None, "::1") as inside:
            assert check(holdfast, inside.url())["statusCode"] == 200


def test_an_api_that_is_named_must_be_there(holdfast: Holdfast):
    with Backend(None) as backend:
        api = holdfast.create_api(backend.url())
        assert post(holdfast, backend.url(), apiId="nobody").status_code == 404
        assert backend.requests == 0
        assert post(holdfast, backend.url(), apiId=api.id).json()["statusCode"] == 200
