"""A request is retried exactly if the backend has not acted on it, or may act on it twice."""

import contextlib
import socketserver
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import h2.config
import h2.connection
import h2.errors
import h2.events
import pytest

from backends import V4, Backend, closed_port
from issuing import Identity, issue, server_context
from running import Holdfast, refusal, wait_until

pytestmark = pytest.mark.envoy
IDENTITY = issue(V4)
H2Connection = h2.connection.H2Connection
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"


class CountingBackend:
    """A TLS server whose connections *talk*; it counts the requests by method, and its connections."""

    def __init__(self, talk: Callable[[ssl.SSLSocket, "CountingBackend"], None], alpn: list[str] | None = None) -> None:
        self.methods: list[str] = []
        self.connections = 0
        context, backend = server_context(IDENTITY, alpn), self

        class _Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                backend.connections += 1
                self.request.settimeout(20)
                with contextlib.suppress(OSError), context.wrap_socket(self.request, server_side=True) as connection:
                    talk(connection, backend)

        class _Server(socketserver.ThreadingTCPServer):
            daemon_threads = True

        self._server = _Server((V4, 0), _Handler)
        self.url = f"https://{V4}:{self._server.server_address[1]}"

    def __enter__(self) -> "CountingBackend":
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}).start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def end_at_the_second_request(connection: ssl.SSLSocket, backend: CountingBackend) -> None:
    """Do what a server does whose keep-alive ends at the moment when the connection is used again."""
    backend.methods.append(_read_head(connection))
    connection.sendall(OK)
    backend.methods.append(_read_head(connection))


def _read_head(connection: ssl.SSLSocket) -> str:
    head = b""
    while b"\r\n\r\n" not in head:
        data = connection.recv(65536)
        if not data:
            raise OSError
        head += data
    return head.split(b" ", 1)[0].decode()


def talk_http2(act: Callable[[H2Connection, int, "CountingBackend"], bool]) -> Callable[[Any, CountingBackend], None]:
    """Speak HTTP/2 and let *act* decide about each request; the connection ends when *act* asks for it."""

    def talk(connection: ssl.SSLSocket, backend: CountingBackend) -> None:
        http2 = H2Connection(h2.config.H2Configuration(client_side=False))
        http2.initiate_connection()
        connection.sendall(http2.data_to_send())
        while data := connection.recv(65536):
            for event in http2.receive_data(data):
                if isinstance(event, h2.events.RequestReceived):
                    backend.methods.append(dict(event.headers)[b":method"].decode())
                    end = act(http2, event.stream_id or 0, backend)
                    connection.sendall(http2.data_to_send())
                    if end:
                        return
            connection.sendall(http2.data_to_send())

    return talk


def refuse_the_first(http2: H2Connection, stream: int, backend: CountingBackend) -> bool:
    """Refuse the first request of all (RFC 9113, section 8.7), answer the others."""
    if len(backend.methods) == 1:
        http2.reset_stream(stream, h2.errors.ErrorCodes.REFUSED_STREAM)
    else:
        http2.send_headers(stream, [(":status", "200")], end_stream=True)
    return False


def go_away_before_the_first(http2: H2Connection, stream: int, backend: CountingBackend) -> bool:
    """End the first connection and say that its only request was not begun (RFC 9113, section 6.8)."""
    if len(backend.methods) == 1:
        http2.close_connection(last_stream_id=0)
        return True
    http2.send_headers(stream, [(":status", "200")], end_stream=True)
    return False


@contextmanager
def publish(holdfast: Holdfast, url: str, identity: Identity = IDENTITY) -> Iterator[str]:
    """Publish an API whose backend is at *url*, and give its path."""
    api = holdfast.publish_trusted_api(url, identity.pem)
    yield api.path
    holdfast.delete_api(api)


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "PUT", "DELETE"])
def test_an_idempotent_request_survives_that_its_connection_closes(holdfast: Holdfast, method: str):
    with CountingBackend(end_at_the_second_request) as backend, publish(holdfast, backend.url) as path:
        with holdfast.caller() as caller:
            statuses = [caller.request(method, path).status_code for _ in range(30)]
        assert statuses == [200] * 30
        assert len(backend.methods) > 30  # some were sent twice


@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_another_request_is_never_sent_twice(holdfast: Holdfast, method: str):
    with CountingBackend(end_at_the_second_request) as backend, publish(holdfast, backend.url) as path:
        backend.methods.clear()
        with holdfast.caller() as caller:
            statuses = [caller.request(method, path).status_code for _ in range(30)]
        assert backend.methods.count(method) == 30
        assert statuses.count(200) >= 15


@pytest.mark.parametrize("act", [refuse_the_first, go_away_before_the_first])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_any_request_that_the_backend_has_not_begun_is_sent_again(
    holdfast: Holdfast, act: Callable[[H2Connection, int, CountingBackend], bool], method: str
):
    with CountingBackend(talk_http2(act), ["h2"]) as backend, publish(holdfast, backend.url) as path:
        backend.methods.clear()
        assert holdfast.call(path, method).status_code == 200
        assert backend.methods == [method] * 2


def test_a_backend_that_closes_every_connection_is_asked_twice_and_no_more(holdfast: Holdfast):
    def hang_up(connection: ssl.SSLSocket, backend: CountingBackend) -> None:
        backend.methods.append(_read_head(connection))

    with CountingBackend(hang_up) as backend, publish(holdfast, backend.url) as path:
        backend.methods.clear()
        assert refusal(holdfast.call(path)).startswith("50")
        assert backend.methods == ["GET"] * 2


def test_a_backend_that_refuses_connections_is_reported(holdfast: Holdfast):
    with closed_port() as url, publish(holdfast, url) as path:
        assert refusal(holdfast.call(path, "POST")) == "503 backend_unreachable"


def test_an_unused_connection_closes_before_common_servers_close_it(holdfast: Holdfast):
    with Backend(IDENTITY) as backend, publish(holdfast, backend.url()) as path:
        with holdfast.caller() as caller:

            def connection() -> int:
                return caller.get(path).json()["connection"]

            # Between two requests, a busy machine can pause for longer than a connection stays open.
            wait_until(lambda: connection() == connection())
        wait_until(lambda: backend.open_connections == 0, within=20)
