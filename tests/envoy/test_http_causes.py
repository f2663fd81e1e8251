"""Causes of requests that fail after reaching a backend, or reach no API: a table over one gateway."""

import http.client
import socket
import uuid
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, suppress
from typing import Any

import httpx2
import pytest

from backends import ListeningBackend
from holdfast.gateway.failures.causes import NOT_OF_BACKENDS, Cause
from holdfast.gateway.failures.explanations import EXPLANATIONS
from issuing import issue, server_context
from misbehaving import HTTP1, HTTP2, misbehaving_backend
from running import Holdfast, PublishedApi, refusal, wait_until

pytestmark = pytest.mark.envoy
HOST = "127.0.0.1"
IDENTITY = issue(HOST)
INVALID, UNREACHABLE, OK, CUT = "502 backend_response_invalid", "503 backend_unreachable", "200", "cut off"
NOT_HTTP = (INVALID, Cause.NOT_HTTP)
CLOSED_BEFORE, CLOSED_DURING = (INVALID, Cause.CLOSED_BEFORE_RESPONSE), (CUT, Cause.CLOSED_DURING_RESPONSE)
TOO_MANY, CONTRADICTORY = (INVALID, Cause.TOO_MANY_RESPONSE_HEADERS), Cause.CONTRADICTORY_LENGTH
FINE = (OK, None)
TOO_LARGE = Cause.REQUEST_HEADERS_TOO_LARGE
Expected = Mapping[str, tuple[str, Cause | None]]

# What a backend does -> what the caller gets, and the code that operators get.
OVER_HTTP1: Expected = {
    "ssh": NOT_HTTP,
    "smtp": NOT_HTTP,
    "http2": NOT_HTTP,
    "no-colon": NOT_HTTP,
    "nul": NOT_HTTP,
    "bad-status": NOT_HTTP,
    "two-lengths": NOT_HTTP,
    "half-header": NOT_HTTP,
    "large-header": (INVALID, Cause.RESPONSE_HEADERS_TOO_LARGE),
    "many-fields": TOO_MANY,
    "length-and-chunks": (INVALID, CONTRADICTORY),
    "unknown-coding": (INVALID, CONTRADICTORY),
    "bad-chunk": CLOSED_DURING,
    "short-body": CLOSED_DURING,
    "short-chunks": CLOSED_DURING,
    "closed": CLOSED_BEFORE,
    "reset": CLOSED_BEFORE,
    "100-kb-header": FINE,
    "900-fields": FINE,
    "good": FINE,
}
OVER_HTTP2: Expected = {
    "refused": (UNREACHABLE, Cause.STREAM_REFUSED),
    "go-away": (UNREACHABLE, Cause.STREAM_REFUSED),
    "reset": CLOSED_BEFORE,
    "closed": CLOSED_BEFORE,
    "begun-reset": CLOSED_DURING,
    "begun-closed": CLOSED_DURING,
    "http1": NOT_HTTP,
    "upper-case": NOT_HTTP,
    "large-header": (INVALID, Cause.RESPONSE_HEADERS_TOO_LARGE),
    "many-fields": TOO_MANY,
    "short-body": (CUT, CONTRADICTORY),
    "long-body": (CUT, CONTRADICTORY),
    "good": FINE,
}
CASES = [
    *(("http", name) for name in OVER_HTTP1),
    *(("https", name) for name in OVER_HTTP1),
    *(("h2", name) for name in OVER_HTTP2),
]


@pytest.fixture(scope="module")
def misbehaving_apis(holdfast: Holdfast) -> Iterator[dict[str, PublishedApi]]:
    """An API of a misbehaving backend for each way to speak with it."""
    with ExitStack() as stack:
        urls = {
            "http": stack.enter_context(misbehaving_backend()),
            "https": stack.enter_context(misbehaving_backend(IDENTITY)),
            "h2": stack.enter_context(misbehaving_backend(IDENTITY, http2=True)),
        }
        apis = {"http": holdfast.publish_api(urls["http"])}
        apis |= {name: holdfast.publish_trusted_api(urls[name], IDENTITY.pem) for name in ("https", "h2")}
        yield apis


def call(client: httpx2.Client, path: str) -> tuple[str, str]:
    """Call and give what became of it, and the request id where the gateway said one."""
    try:
        answer = client.get(path)
    except httpx2.RemoteProtocolError:
        return CUT, ""
    return (OK, "") if answer.is_success else (refusal(answer), answer.json()["request_id"])


def test_every_misbehaviour_is_expected():
    assert (set(OVER_HTTP1), set(OVER_HTTP2)) == (set(HTTP1), set(HTTP2))


@pytest.mark.parametrize(("kind", "name"), CASES)
def test_each_misbehaviour_of_a_backend_has_its_code(
    holdfast: Holdfast, misbehaving_apis: dict[str, PublishedApi], kind: str, name: str
):
    api = misbehaving_apis[kind]
    expected, cause = (OVER_HTTP2 if kind == "h2" else OVER_HTTP1)[name]
    with holdfast.caller() as client:
        became, request_id = call(client, f"{api.path}/{name}")
    assert became == expected
    if cause is None:
        return
    failure = wait_until(lambda: found_at(holdfast, api, request_id, cause))
    assert failure["code"] == cause, failure
    assert failure["reason"]
    assert failure["flags"]
    assert failure["remedy"]


def found_at(holdfast: Holdfast, api: PublishedApi, request_id: str, cause: Cause) -> dict[str, Any] | None:
    """Find a failed request by its id, or if that isn't known, the last failure of *api* once it has this cause."""
    if request_id:
        answer = holdfast.rest.get(f"/failures/{request_id}")
        return answer.json() if answer.is_success else None
    failing = holdfast.rest.get(f"/apis/{api.id}/failures").json()["list"]
    return next((failure for failure in failing if failure["code"] == cause), None)


REJECTED = {
    "not HTTP": (b"this is not HTTP\r\n\r\n", Cause.BAD_REQUEST),
    "bad field": (b"GET / HTTP/1.1\r\nnot a field\r\n\r\n", Cause.BAD_REQUEST),
    "bad path": (b"GET /%00 HTTP/1.1\r\nhost: a\r\nx-request-id: mine\r\n\r\n", Cause.BAD_REQUEST),
    "no host": (b"GET / HTTP/1.1\r\n\r\n", Cause.BAD_REQUEST),
    "large header": (
        b"GET / HTTP/1.1\r\nhost: a\r\nx: %b\r\n\r\n" % (b"x" * 1_000_000),
        Cause.REQUEST_HEADERS_TOO_LARGE,
    ),
    "many fields": (b"GET / HTTP/1.1\r\nhost: a\r\n%b\r\n" % (b"x: 1\r\n" * 5_000), Cause.REQUEST_HEADERS_TOO_LARGE),
    "gRPC without API": (
        b"POST /nothing-here HTTP/1.1\r\nhost: a\r\ncontent-type: application/grpc\r\ncontent-length: 0\r\n\r\n",
        Cause.API_NOT_FOUND,
    ),
    "no API": (b"GET /nothing-here HTTP/1.1\r\nhost: a\r\n\r\n", Cause.API_NOT_FOUND),
}


@pytest.mark.parametrize(("request_bytes", "cause"), REJECTED.values(), ids=REJECTED)
def test_a_request_that_reaches_no_api_is_found_by_its_id(holdfast: Holdfast, request_bytes: bytes, cause: Cause):
    url = httpx2.URL(holdfast.gateway_url)
    with socket.create_connection((url.host, url.port or 80), timeout=30) as connection:
        with suppress(ConnectionError):  # the gateway may close the connection after its response, before it has all
            connection.sendall(request_bytes)
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        request_id = answer.headers["x-request-id"]
    assert str(uuid.UUID(request_id)) == request_id
    failure = wait_until(
        lambda: (response := holdfast.rest.get(f"/failures/{request_id}")).is_success and response.json()
    )
    assert (failure["code"], failure["apiId"], failure["environment"]) == (cause, None, None)
    assert failure["reason"]
    assert failure["remedy"]


def test_a_caller_that_gives_up_is_found_and_is_not_a_failure_of_the_backend(holdfast: Holdfast):
    with ListeningBackend(server_context(IDENTITY)) as backend:
        api = holdfast.publish_trusted_api(backend.url(), IDENTITY.pem)
        url = httpx2.URL(holdfast.gateway_url)
        with socket.create_connection((url.host, url.port or 80), timeout=20) as caller:
            caller.sendall(f"GET {api.path} HTTP/1.1\r\nHost: a.test\r\n\r\n".encode())
            assert backend.is_asked.wait(20)
        request = wait_until(lambda: next((data for data in backend.received if data), b""))
        request_id = request.lower().partition(b"x-request-id: ")[2].partition(b"\r\n")[0].decode()
        failure = wait_until(
            lambda: (response := holdfast.rest.get(f"/failures/{request_id}")).is_success and response.json()
        )
        assert (failure["code"], failure["apiId"]) == (Cause.CALLER_DISCONNECTED, api.id)
        assert holdfast.rest.get(f"/apis/{api.id}/failures").json()["count"] == 0


def test_failures_caused_by_callers_offer_no_button():
    # An idle timeout, which the endpoint sets, isn't caused by callers only.
    causes = NOT_OF_BACKENDS - {Cause.WEBSOCKET_IDLE}
    assert {EXPLANATIONS[cause].action for cause in causes} == {None}
