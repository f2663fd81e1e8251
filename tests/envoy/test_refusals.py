"""Error responses of the gateway to callers."""

import http.client
import json
import socket
import uuid
from contextlib import suppress

import httpx2
import pytest

from backends import V4, Backend, closed_port
from issuing import issue
from running import Holdfast, refusal

pytestmark = pytest.mark.envoy
NOT_TRUSTED = "503 backend_not_trusted"
UNREACHABLE = "503 backend_unreachable"


def test_callers_get_a_code_and_no_certificate_details(holdfast: Holdfast):
    secretive = issue("who-i-really-am.test", common_name="who-i-really-am")
    with Backend(secretive) as backend, closed_port() as closed, holdfast.caller() as client:
        for path, expected in (
            ("/nothing-here", "404 not_found"),
            (holdfast.publish_api(backend.url()).path, NOT_TRUSTED),
            (holdfast.publish_api(closed).path, UNREACHABLE),
        ):
            answer = client.get(path)
            assert refusal(answer) == expected
            text = (answer.text + str(answer.headers)).lower()
            for word in ("who-i-really-am", "certificate", "tls", "ssl", "verify", "san", "upstream", "envoy", V4):
                assert word not in text


def test_the_request_id_of_an_error_is_the_one_in_no_other_answer(holdfast: Holdfast):
    ids = {holdfast.call("/nothing-here").json()["request_id"] for _ in range(3)}
    assert len(ids) == 3


def send_and_read(holdfast: Holdfast, request: bytes) -> tuple[str, str, str]:
    """Send the bytes of a request; give status and code, the request id in the body, and the one in the header."""
    url = httpx2.URL(holdfast.gateway_url)
    with socket.create_connection((url.host, url.port or 80), timeout=30) as connection:
        with suppress(ConnectionError):  # the gateway may answer and close before it has read everything
            connection.sendall(request)
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        body = json.loads(answer.read())
    return f"{answer.status} {body['code']}", body["request_id"], answer.headers["x-request-id"]


@pytest.mark.parametrize(
    ("request_line", "fields", "expected"),
    [
        ("this is not HTTP", "", "400 bad_request"),
        ("GET / HTTP/1.1", "not a field\r\n", "400 bad_request"),
        ("GET /%00 HTTP/1.1", "host: a\r\nx-request-id: mine\r\n", "400 bad_request"),
        ("GET / HTTP/1.1", "x-request-id: mine\r\n", "400 bad_request"),
        ("POST / HTTP/1.1", "host: a\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n", "400 bad_request"),
        ("GET / HTTP/1.1", f"host: a\r\nx: {'x' * 1_000_000}\r\n", "431 request_headers_too_large"),
        ("GET / HTTP/1.1", "host: a\r\n" + "x: 1\r\n" * 5_000, "431 request_headers_too_large"),
        ("POST / HTTP/1.1", "host: a\r\ntransfer-encoding: gzip, chunked\r\n", "501 bad_request"),
        ("GET /nothing-here HTTP/1.1", "host: a\r\nx-request-id: mine\r\n", "404 not_found"),
    ],
    ids=["not HTTP", "bad field", "bad path", "no host", "lengths", "large header", "many fields", "coding", "no API"],
)
def test_responses_of_the_gateway_have_a_code_and_a_request_id(
    holdfast: Holdfast, request_line: str, fields: str, expected: str
):
    outcome, in_body, in_header = send_and_read(
        holdfast, f"{request_line}\r\n{fields}connection: close\r\n\r\n".encode()
    )
    assert (outcome, in_body) == (expected, in_header)
    assert str(uuid.UUID(in_body)) == in_body
