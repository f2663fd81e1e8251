"""Stopping Holdfast: requests in flight are answered, no new ones begin, and it does not take longer than needed."""

import base64
import contextlib
import os
import signal
import socket
import ssl
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import h2.config
import h2.connection
import httpx2
import pytest
from hyperframe.frame import DataFrame, Frame, GoAwayFrame, RstStreamFrame

from backends import Backend
from calling import GATEWAYS, tls_of
from issuing import issue
from running import REST, Holdfast, is_running, wait_until, write_identity

pytestmark = pytest.mark.envoy
IDENTITY = issue("127.0.0.1")
IN_FLIGHT = 10
FRAME_HEAD = 9  # bytes


@pytest.fixture(scope="module")
def holdfast(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Holdfast]:
    """A Holdfast that each test stops; it starts again on the same data."""
    directory = tmp_path_factory.mktemp("stopping")
    identity = write_identity(directory, issue("127.0.0.1", by=GATEWAYS))
    with Holdfast(directory, gateway_identity=identity, HOLDFAST_DRAIN_TIMEOUT="60") as running:
        yield running


@pytest.fixture
def running_holdfast(holdfast: Holdfast) -> Holdfast:
    if not holdfast.is_started:
        holdfast.start()
    return holdfast


def refuses(url: str) -> bool:
    """Return whether new connections are refused."""
    parts = urlsplit(url)
    try:
        socket.create_connection((parts.hostname, parts.port), timeout=20).close()
    except (ConnectionRefusedError, ConnectionResetError):  # reset: the socket closed with the connection in its queue
        return True
    return False


def stop_in_background(holdfast: Holdfast, pool: ThreadPoolExecutor):
    """Send SIGTERM, and wait until new connections are refused everywhere."""
    stopping = pool.submit(holdfast.stop, within=100)
    for url in (holdfast.publisher_url, holdfast.gateway_url, holdfast.sandbox_url):
        wait_until(lambda url=url: refuses(url))
    return stopping


def test_requests_in_flight_are_answered_at_the_gateway_and_the_publisher(running_holdfast: Holdfast):
    with contextlib.ExitStack() as stack:
        backend = stack.enter_context(Backend(IDENTITY))
        api = running_holdfast.publish_trusted_api(backend.url(), IDENTITY.pem)
        callers = [stack.enter_context(running_holdfast.caller()) for _ in range(IN_FLIGHT)]
        streams = [stack.enter_context(caller.stream("GET", f"{api.path}/stream")) for caller in callers]
        lines = [stream.iter_lines() for stream in streams]
        assert [next(lines_of_one) for lines_of_one in lines] == ["begun"] * IN_FLIGHT
        idle_caller = stack.enter_context(running_holdfast.caller())
        assert "connection" not in idle_caller.get(api.path).headers
        health = stack.enter_context(running_holdfast.browser())
        assert health.get("/readyz").json() == {"status": "ok"}
        publisher = stack.enter_context(Upload(running_holdfast))
        http2 = stack.enter_context(Http2Caller(running_holdfast))
        http2.ask(f"{api.path}/stream")
        http2.receive_until(DataFrame)

        pool = stack.enter_context(ThreadPoolExecutor(1))
        stopping = stop_in_background(running_holdfast, pool)
        assert idle_caller.get(api.path).headers["connection"] == "close"
        http2.ask(f"{api.path}/more")
        frames = http2.receive_until(GoAwayFrame)
        assert not stopping.done()
        assert publisher.finish().startswith(b"HTTP/1.1 400")  # what it sends is none, but it is answered
        backend.let_on()
        assert [list(lines_of_one) for lines_of_one in lines] == [["finished"]] * IN_FLIGHT
        frames += http2.receive_until(DataFrame, stream=1, ends=True)
        assert not any(isinstance(frame, RstStreamFrame) for frame in frames)
        stopping.result(40)


class Upload:
    """An upload to the publisher, half of which has been sent."""

    def __init__(self, holdfast: Holdfast) -> None:
        self._parts = urlsplit(holdfast.publisher_url)
        self._credentials = base64.b64encode(f"admin:{holdfast.admin_password}".encode()).decode()

    def __enter__(self) -> "Upload":
        self._connection = socket.create_connection((self._parts.hostname, self._parts.port), timeout=30)
        fields = f"Host: {self._parts.netloc}\r\nAuthorization: Basic {self._credentials}\r\nContent-Length: 100\r\n"
        head = f"POST {REST}/apis HTTP/1.1\r\nContent-Type: application/json\r\n{fields}\r\n"
        self._connection.sendall(head.encode() + bytes(50))
        return self

    def finish(self) -> bytes:
        """Send the other half and give the whole answer; the connection ends behind it."""
        self._connection.sendall(bytes(50))
        data = b""
        while received := self._connection.recv(65536):
            data += received
        assert b"connection: close" in data
        return data

    def __exit__(self, *exception: object) -> None:
        self._connection.close()


class Http2Caller:
    """A caller of the gateway that sees the frames of its connection."""

    def __init__(self, holdfast: Holdfast) -> None:
        self._address = holdfast.tls_address()
        self._http2 = h2.connection.H2Connection(h2.config.H2Configuration())
        self._received = b""

    def __enter__(self) -> "Http2Caller":
        context = tls_of()
        context.set_alpn_protocols(["h2"])
        connection = socket.create_connection(self._address, timeout=30)
        self._connection: ssl.SSLSocket = context.wrap_socket(connection, server_hostname="127.0.0.1")
        self._http2.initiate_connection()
        return self

    def ask(self, path: str) -> None:
        """Begin a request."""
        host = f"{self._address[0]}:{self._address[1]}"
        fields = [(":method", "GET"), (":scheme", "https"), (":authority", host), (":path", path)]
        self._http2.send_headers(self._http2.get_next_available_stream_id(), fields, end_stream=True)
        self._connection.sendall(self._http2.data_to_send())

    def receive_until(self, kind: type[Frame], stream: int | None = None, *, ends: bool = False) -> list[Frame]:
        """Return the frames received, up to one of this *kind*, of *stream* if named, and its last if it *ends*."""
        frames: list[Frame] = []
        while True:
            while len(self._received) < FRAME_HEAD or len(self._received) < self._first_frame()[1]:
                received = self._connection.recv(65536)
                assert received, f"the connection ended after {frames}"
                self._received += received
            frame, length = self._first_frame()
            frames.append(frame)
            self._received = self._received[length:]
            is_wanted = isinstance(frame, kind) and stream in {None, frame.stream_id}
            if is_wanted and (not ends or "END_STREAM" in frame.flags):
                return frames

    def _first_frame(self) -> tuple[Frame, int]:
        frame, length = Frame.parse_frame_header(memoryview(self._received)[:FRAME_HEAD])
        return frame, FRAME_HEAD + length

    def __exit__(self, *exception: object) -> None:
        self._connection.close()


def test_a_second_signal_ends_both_processes_at_once(running_holdfast: Holdfast):
    with Backend(IDENTITY) as backend, ThreadPoolExecutor(1) as pool, running_holdfast.caller() as client:
        api = running_holdfast.publish_trusted_api(backend.url(), IDENTITY.pem)
        with client.stream("GET", f"{api.path}/stream") as stream:
            lines = stream.iter_lines()
            assert next(lines) == "begun"
            envoy, process = running_holdfast.envoy, running_holdfast.pid
            stopping = stop_in_background(running_holdfast, pool)
            assert is_running(process)
            assert is_running(envoy)
            os.kill(process, signal.SIGINT)
            stopping.result(40)  # looks at the exit code, and that no Envoy is left
            with pytest.raises(httpx2.TransportError):  # nothing waited for the end of the stream
                list(lines)
