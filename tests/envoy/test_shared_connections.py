"""Requests that share an HTTP/2 connection don't affect each other."""

import itertools
import socket
from collections.abc import Iterator
from contextlib import ExitStack

import httpx2
import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import StreamEnded, StreamReset

from issuing import issue
from misbehaving import V4, misbehaving_backend
from running import Holdfast, PublishedApi, refusal
from scripted import receive

pytestmark = pytest.mark.envoy
IDENTITY = issue(V4)
MIB = 1024 * 1024


@pytest.fixture(scope="module")
def api(holdfast: Holdfast) -> Iterator[PublishedApi]:
    with misbehaving_backend(IDENTITY, http2=True) as url:
        yield holdfast.publish_trusted_api(url, IDENTITY.pem)


def read(response: httpx2.Response, size: int) -> bool:
    """Read as many bytes of a response; False: it ended before."""
    parts = response.iter_raw(MIB)
    return sum(len(part) for part in itertools.islice(parts, size // MIB)) == size


def test_callers_that_do_not_read_their_responses_stall_nobody(holdfast: Holdfast, api: PublishedApi):
    url = httpx2.URL(holdfast.gateway_url)
    with ExitStack() as stack:
        for _ in range(5):
            slow = stack.enter_context(socket.socket())
            slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            slow.settimeout(20)
            slow.connect((url.host, url.port or 80))
            slow.sendall(f"GET {api.path}/endless HTTP/1.1\r\nHost: a\r\n\r\n".encode())
            assert slow.recv(12, socket.MSG_WAITALL) == b"HTTP/1.1 200"
        with holdfast.caller() as caller, caller.stream("GET", f"{api.path}/endless", timeout=30) as response:
            assert read(response, 24 * MIB)  # the slow ones have filled their windows long before
        assert holdfast.call(f"{api.path}/good").text == "ok"


def test_a_malformed_response_fails_no_other_request(holdfast: Holdfast, api: PublishedApi):
    with holdfast.caller() as caller, caller.stream("GET", f"{api.path}/endless") as response:
        assert refusal(holdfast.call(f"{api.path}/upper-case", "POST")) == "502 backend_response_invalid"
        assert read(response, 16 * MIB)  # more than is on its way


MALFORMED = [
    ("te", "gzip"),
    ("connection", "close"),
    ("X-Upper", "case"),
    ("x-line", "a\nb: c"),
    ("upgrade", "websocket"),
]


def test_a_malformed_request_fails_no_other_request(holdfast: Holdfast, api: PublishedApi):
    url = httpx2.URL(holdfast.gateway_url)
    config = H2Configuration(validate_outbound_headers=False, normalize_outbound_headers=False)
    talk, ends = H2Connection(config), dict[int, str]()
    with socket.create_connection((url.host, url.port or 80), timeout=20) as caller:
        talk.initiate_connection()
        head = [(":method", "POST"), (":scheme", "http"), (":authority", "a"), (":path", f"{api.path}/good")]
        for number, field in enumerate([*MALFORMED, ("x-good", "1")]):
            talk.send_headers(2 * number + 1, [*head, field], end_stream=True)
        caller.sendall(talk.data_to_send())
        while len(ends) <= len(MALFORMED):
            for event in talk.receive_data(receive(caller)):
                if isinstance(event, StreamEnded | StreamReset):
                    ends.setdefault(event.stream_id or 0, type(event).__name__)
    assert list(dict(sorted(ends.items())).values()) == ["StreamReset"] * len(MALFORMED) + ["StreamEnded"]
