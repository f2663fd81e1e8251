"""Paths, methods, headers, statuses, bodies and streams that pass the gateway."""

import hashlib

import httpx2
import pytest

from backends import V4, Backend
from issuing import issue
from running import Holdfast, refusal

pytestmark = pytest.mark.envoy
MIB = 1024 * 1024
IDENTITY = issue(V4)


@pytest.mark.parametrize(
    ("base", "below", "expected"),
    [
        ("", "", "/"),
        ("", "/", "/"),
        ("", "/menu", "/menu"),
        ("/", "/menu", "/menu"),
        ("/base", "", "/base"),
        ("/base", "/", "/base/"),
        ("/base", "/menu/7", "/base/menu/7"),
        ("/base/v2/", "/menu", "/base/v2/menu"),
        ("/base", "?q=1", "/base?q=1"),
        ("/base", "/a?q=x%20y&q=%2F&empty=&=/..", "/base/a?q=x%20y&q=%2F&empty=&=/.."),
        ("/base", "/a%2Fb/%C3%A9/c+d;e=f", "/base/a%2Fb/%C3%A9/c+d;e=f"),
        ("/base", "//twice", "/base//twice"),
    ],
)
def test_the_base_path_takes_the_place_of_context_and_version(holdfast: Holdfast, base: str, below: str, expected: str):
    with Backend(None) as backend:
        api = holdfast.publish_api(backend.url(base))
        assert holdfast.call(api.path + below).json()["path"] == expected


def test_nobody_leaves_the_base_path(holdfast: Holdfast):
    with Backend(None) as backend:
        api = holdfast.publish_api(backend.url("/base"))
        count = backend.requests
        assert refusal(_raw(holdfast, f"{api.path}/../../admin")) == "404 not_found"
        assert refusal(_raw(holdfast, f"{api.path}/%2e%2e/admin")) == "404 not_found"
        assert refusal(holdfast.call(f"{api.path}x")) == "404 not_found"
        assert backend.requests == count


def _raw(holdfast: Holdfast, target: str) -> httpx2.Response:
    with holdfast.caller() as client:
        return client.get("/", extensions={"target": target.encode()})


@pytest.mark.parametrize("status", [201, 404, 503, 504])
def test_responses_of_backends_are_never_replaced(holdfast: Holdfast, status: int):
    with Backend(None) as backend:
        answer = holdfast.call(f"{holdfast.publish_api(backend.url()).path}/status/{status}")
        assert (answer.status_code, answer.json()["path"]) == (status, f"/status/{status}")


def test_no_header_of_a_caller_leads_into_the_other_environment(holdfast: Holdfast):
    with Backend(None) as production, Backend(None) as sandbox:
        api = holdfast.publish_api(production.url("/production"), sandbox.url("/sandbox"))
        for name, value in (("x-holdfast-environment", "sandbox"), ("X-Holdfast-Environment", "sandbox,production")):
            answer = holdfast.call(api.path, headers={name: value}).json()
            assert answer["path"] == "/production"
            assert name.lower() not in {header.lower() for header in answer["headers"]}


def test_methods_and_headers_pass(holdfast: Holdfast):
    with Backend(IDENTITY) as backend:
        api = holdfast.publish_trusted_api(backend.url(), IDENTITY.pem)
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
            request = holdfast.call(api.path, method, headers={"X-Mine": "kept", "Authorization": "Bearer t"}).json()
            assert (request["method"], request["headers"]["x-mine"]) == (method, "kept")
            assert request["headers"]["authorization"] == "Bearer t"


@pytest.mark.parametrize("in_chunks", [False, True])
def test_a_large_body_arrives_whole_in_both_directions(holdfast: Holdfast, in_chunks: bool):
    body = b"0123456789abcdef" * (8 * MIB // 16)
    content = (body[start : start + MIB] for start in range(0, len(body), MIB)) if in_chunks else body
    with Backend(IDENTITY) as backend:
        api = holdfast.publish_trusted_api(backend.url(), IDENTITY.pem)
        request = holdfast.call(api.path, "POST", content=content).json()
        assert (request["bytes"], request["sha256"]) == (8 * MIB, hashlib.sha256(body).hexdigest())
        assert holdfast.call(f"{api.path}/bytes/{8 * MIB}").content == b"x" * (8 * MIB)


def test_a_stream_is_passed_on_as_it_comes(holdfast: Holdfast):
    with Backend(IDENTITY) as backend, holdfast.caller() as client:
        api = holdfast.publish_trusted_api(backend.url(), IDENTITY.pem)
        with client.stream("GET", f"{api.path}/stream") as answer:
            lines = answer.iter_lines()
            assert next(lines) == "begun"  # the backend waits for us now
            backend.let_on()
            assert list(lines) == ["finished"]
