"""Requests of callers over HTTP/1.0, HTTP/1.1 and HTTP/2, and which parts reach the backend."""

import contextlib
import json
import select
import socket

import h2.config
import h2.connection
import h2.events
import httpx2
import pytest

from backends import V4, Backend
from issuing import issue
from running import Holdfast, PublishedApi
from scripted import Message, ScriptedBackend, answer, dial, exchange, read_message, read_until, receive, refuse_early

pytestmark = pytest.mark.envoy
IDENTITY = issue(V4)
MB = 1_000_000


def address(holdfast: Holdfast) -> tuple[str, int]:
    url = httpx2.URL(holdfast.gateway_url)
    return url.host, url.port or 80


def get(holdfast: Holdfast, api: PublishedApi, *fields: str, version: str = "1.1") -> Message:
    lines = [f"GET {api.path}/x HTTP/{version}", "Host: a", *fields]
    return exchange(address(holdfast), *lines)


def test_an_upgrade_to_something_else_than_a_websocket_is_served_as_if_it_were_not_asked_for(holdfast: Holdfast):
    with ScriptedBackend(answer()) as backend:
        api = holdfast.publish_api(backend.url)
        h2c = ("Upgrade: h2c", "Connection: close, Upgrade, HTTP2-Settings", "HTTP2-Settings: AAMAAABk")
        protocols = ("TLS/1.2", "TLS/1.3, HTTP/2.0", "foo", "websockets", "websocket/13", "\xff")
        for fields in (h2c, *((f"Upgrade: {other}", "Connection: Upgrade, close") for other in protocols)):
            message = get(holdfast, api, *fields)
            assert (message.status, message.rest) == (200, b"ok"), fields
            request = backend.requests[-1]
            assert not request.all("upgrade") + request.all("connection") + request.all("http2-settings"), fields


def test_a_body_is_not_taken_for_the_protocol_of_an_ignored_upgrade(holdfast: Holdfast):
    with Backend(None) as backend:
        api = holdfast.publish_api(backend.url())
        lines = ["Host: a", "Upgrade: TLS/1.2", "Connection: Upgrade, close", "Content-Length: 3"]
        message = exchange(address(holdfast), f"POST {api.path} HTTP/1.1", *lines, body=b"abc")
        assert (message.status, json.loads(message.rest)["bytes"]) == (200, 3)


@pytest.mark.parametrize("fields", [(), ("Host: gateway.example",)], ids=["without Host", "with Host"])
def test_http_1_0_is_served(holdfast: Holdfast, fields: tuple[str, ...]):
    with Backend(IDENTITY) as backend:
        api = holdfast.publish_trusted_api(backend.url("/base"), IDENTITY.pem)
        message = exchange(address(holdfast), f"POST {api.path}/x HTTP/1.0", *fields, "Content-Length: 3", body=b"abc")
        request = json.loads(message.rest)
        assert (message.status, request["path"], request["bytes"]) == (200, "/base/x", 3)
        assert message.all("connection") == ["close"]


def test_http_1_0_keeps_a_connection_that_it_asks_to_keep(holdfast: Holdfast):
    with ScriptedBackend(answer()) as backend, dial(address(holdfast)) as connection:
        api = holdfast.publish_api(backend.url)
        for _ in range(2):
            connection.sendall(f"GET {api.path} HTTP/1.0\r\nConnection: keep-alive\r\n\r\n".encode())
            message = read_message(connection)
            assert message.all("connection") == ["keep-alive"]
            assert read_until(connection, message.rest, b"ok") == b"ok"


def test_http_1_0_gets_no_chunks(holdfast: Holdfast):
    def send_chunks(connection: socket.socket, _: Message) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n")
        connection.sendall(b"4\r\n yes\r\n0\r\n\r\n")

    with ScriptedBackend(send_chunks) as backend:
        message = get(holdfast, holdfast.publish_api(backend.url), "Connection: keep-alive", version="1.0")
        assert (message.rest, message.all("transfer-encoding"), message.all("connection")) == (
            b"ok yes",
            [],
            ["close"],
        )


def client_of(holdfast: Holdfast, *, http2: bool) -> httpx2.Client:
    url = holdfast.gateway_url
    return httpx2.Client(http1=not http2, http2=http2, base_url=url, trust_env=False, timeout=30)


METHODS = ("QUERY", "LIST", "PROPFIND", "PURGE", "M-SEARCH", "get", "X" * 100)


def test_methods_are_the_same_over_both_versions_of_http(holdfast: Holdfast):
    with ScriptedBackend(answer()) as backend:
        api = holdfast.publish_api(backend.url)
        for http2 in (False, True):
            with client_of(holdfast, http2=http2) as client:
                for method in METHODS:
                    request = client.build_request("GET", api.path, headers={"content-type": "a/b"})
                    request.method = method  # httpx2 makes it upper case
                    response = client.send(request)
                    assert (response.status_code, response.http_version) == (200, f"HTTP/{'2' if http2 else '1.1'}")
                    assert backend.requests[-1].line.split()[0] == method
                # A backend would return the credential that the gateway adds.
                assert client.request("TRACE", api.path).status_code == 501


def test_a_query_without_a_content_type_is_refused_over_both_versions_of_http(holdfast: Holdfast):
    with ScriptedBackend(answer()) as backend:
        api = holdfast.publish_api(backend.url)
        count = len(backend.requests)
        for http2 in (False, True):
            with client_of(holdfast, http2=http2) as client:
                assert client.request("QUERY", api.path, content=b"all").status_code == 400
        assert len(backend.requests) == count


def test_a_query_that_is_not_ascii_is_refused_over_both_versions_of_http(holdfast: Holdfast):
    with ScriptedBackend(answer()) as backend:
        api = holdfast.publish_api(backend.url)
        count = len(backend.requests)
        over_http1 = exchange(address(holdfast), f"GET {api.path}?q=é HTTP/1.1", "Host: a")
        caller = Http2Caller(address(holdfast))
        with contextlib.closing(caller):
            caller.send("GET", f"{api.path}?q=é", b"x")
            caller.read()
        assert (over_http1.status, json.loads(over_http1.rest)["code"]) == (400, "bad_request")
        assert (caller.status, json.loads(caller.body)["code"]) == (400, "bad_request")
        assert len(backend.requests) == count


def give_trailers(connection: socket.socket, message: Message) -> None:
    """Read a chunked body with its trailers, and send both back."""
    data = read_until(connection, message.rest, b"\r\n\r\n") if message.all("transfer-encoding") else b""
    _, _, trailers = data.partition(b"0\r\n")
    connection.sendall(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n"
        b"2\r\nok\r\n0\r\nX-Sum: 42\r\nX-Seen: %b\r\n\r\n" % trailers.strip().replace(b"\r\n", b";")
    )


@pytest.mark.parametrize("identity", [None, IDENTITY], ids=["http", "https"])
def test_trailers_pass_in_both_directions(holdfast: Holdfast, identity: object):
    with ScriptedBackend(give_trailers, IDENTITY if identity else None) as backend:
        api = holdfast.publish_api(backend.url)
        if identity:
            holdfast.import_certificate(backend.url, IDENTITY.pem)
        fields = ("Host: a", "Connection: close, TE", "TE: trailers", "Trailer: X-Mine", "Transfer-Encoding: chunked")
        body = b"3\r\nabc\r\n0\r\nX-Mine: 1\r\n\r\n"
        message = exchange(address(holdfast), f"POST {api.path} HTTP/1.1", *fields, body=body)
        assert (message.status, message.all("trailer")) == (200, ["X-Sum"])
        assert message.rest.endswith(b"0\r\nx-sum: 42\r\nx-seen: x-mine: 1\r\n\r\n")
        assert backend.requests[-1].all("trailer") == ["X-Mine"]

        caller = Http2Caller(address(holdfast))
        with contextlib.closing(caller):
            caller.send("POST", api.path, b"abc", trailers=[("x-mine", "1")])
            caller.read()
        assert (caller.status, caller.body, caller.trailers["x-seen"]) == (200, b"ok", "x-mine: 1")


def test_no_trailer_reaches_the_backend_that_it_could_take_for_a_header_field(holdfast: Holdfast):
    names = ("Host", "Content-Length", "Authorization", "Cookie", "X-Forwarded-For", "X_Forwarded_For", "X-Real-IP")
    names += ("Forwarded", "Client-Cert", "X-Holdfast-Caller", "Transfer-Encoding", "If-Match", "X-Request-ID")
    with ScriptedBackend(give_trailers) as backend:
        api = holdfast.publish_api(backend.url)
        trailers = "".join(f"{name}: 1\r\n" for name in (*names, "X-Checksum"))
        fields = ("Host: a", "Connection: close", "Transfer-Encoding: chunked")
        body = f"0\r\n{trailers}\r\n".encode()
        message = exchange(address(holdfast), f"POST {api.path} HTTP/1.1", *fields, body=body)
        assert message.rest.endswith(b"x-seen: x-checksum: 1\r\n\r\n")


@pytest.mark.parametrize("identity", [None, IDENTITY], ids=["http", "https"])
def test_a_response_that_comes_before_the_body_was_sent_reaches_the_caller(holdfast: Holdfast, identity: object):
    with ScriptedBackend(refuse_early, IDENTITY if identity else None) as backend:
        api = holdfast.publish_api(backend.url)
        if identity:
            holdfast.import_certificate(backend.url, IDENTITY.pem)
        for size in (MB, 50 * MB):
            assert upload_over_http1(holdfast, api, size) == (413, b"too large")
            caller = Http2Caller(address(holdfast))
            with contextlib.closing(caller):
                caller.send("POST", api.path, b"x" * size)
                caller.read()
            assert (caller.status, caller.body) == (413, b"too large")


def upload_over_http1(holdfast: Holdfast, api: PublishedApi, size: int) -> tuple[int, bytes]:
    """Send a body until something comes back, as most clients do."""
    with dial(address(holdfast)) as connection:
        connection.sendall(f"POST {api.path} HTTP/1.1\r\nHost: a\r\nContent-Length: {size}\r\n\r\n".encode())
        body, poll = memoryview(b"x" * size), select.poll()
        poll.register(connection, select.POLLIN | select.POLLOUT)
        with contextlib.suppress(ConnectionError):  # the gateway may close the connection first, after its response
            while body and not any(events & select.POLLIN for _, events in poll.poll()):
                body = body[connection.send(body[:65536]) :]
        message = read_message(connection)
        rest = message.rest
        while len(rest) < len(b"too large"):
            rest += receive(connection)
        return message.status, rest


def test_the_backend_decides_before_a_body_is_sent_that_is_announced(holdfast: Holdfast):
    """With `Expect: 100-continue`; the backend closes at once, which would cut off a body on its way."""

    def decide(connection: socket.socket, message: Message) -> None:
        if message.all("content-length") == ["3"]:
            connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
            data = message.rest
            while len(data) < 3:
                data += receive(connection)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        else:
            connection.sendall(b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            raise EOFError

    with ScriptedBackend(decide) as backend:
        api = holdfast.publish_api(backend.url)
        fields = "Host: a\r\nExpect: 100-continue\r\nConnection: close\r\nContent-Length: %d"
        head = f"POST {api.path} HTTP/1.1\r\n{fields}\r\n\r\n"
        with dial(address(holdfast)) as connection:
            connection.sendall((head % 3).encode())
            assert read_message(connection).status == 100
            connection.sendall(b"abc")
            assert read_message(connection).status == 200
        with dial(address(holdfast)) as connection:
            connection.sendall((head % (50 * MB)).encode())
            assert read_message(connection).status == 413


class Http2Caller:
    """One request over HTTP/2 without TLS, sent as far as the gateway lets it and read at the same time."""

    def __init__(self, where: tuple[str, int]) -> None:
        self._connection = dial(where)
        config = h2.config.H2Configuration(client_side=True, header_encoding="utf-8")
        self._h2 = h2.connection.H2Connection(config)
        self._h2.initiate_connection()
        self.status, self.body, self.trailers, self._done = 0, b"", dict[str, str](), False

    def close(self) -> None:
        self._connection.close()

    def send(self, method: str, path: str, body: bytes, trailers: list[tuple[str, str]] | None = None) -> None:
        """Send a request, as far as the gateway takes it before it answers."""
        head = [(":method", method), (":path", path), (":scheme", "http"), (":authority", "a"), ("te", "trailers")]
        self._h2.send_headers(1, head)
        rest = memoryview(body)
        while rest and not self.status:
            room = min(self._h2.local_flow_control_window(1), self._h2.max_outbound_frame_size)
            if room:
                self._h2.send_data(1, bytes(rest[:room]), end_stream=len(rest) <= room and not trailers)
                rest = rest[room:]
            self._connection.sendall(self._h2.data_to_send())
            if not room or select.select([self._connection], [], [], 0)[0]:
                self._take()
        if trailers:
            self._h2.send_headers(1, trailers, end_stream=True)

    def read(self) -> None:
        """Read until the response has ended."""
        self._connection.sendall(self._h2.data_to_send())
        while not self._done:
            self._take()

    def _take(self) -> None:
        for event in self._h2.receive_data(receive(self._connection)):
            match event:
                case h2.events.ResponseReceived():
                    self.status = int(dict(event.headers)[":status"])
                case h2.events.DataReceived():
                    self.body += event.data
                case h2.events.TrailersReceived():
                    self.trailers = dict(event.headers)
                case h2.events.StreamEnded():
                    self._done = True
        with contextlib.suppress(OSError):
            self._connection.sendall(self._h2.data_to_send())
