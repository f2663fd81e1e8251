"""
Backends that break HTTP: the last segment of a request's path says how, over HTTP/1.1 and HTTP/2.

    with misbehaving_backend() as url, httpx2.Client() as client:
        client.get(f"{url}/closed")
"""

import contextlib
import socket
import socketserver
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import h2.config
import h2.events
from h2.connection import H2Connection
from h2.errors import ErrorCodes

from issuing import Identity, server_context

V4 = "127.0.0.1"
PATIENCE = 60.0  # seconds that an idle connection stays open
_OK = b"HTTP/1.1 200 OK\r\n"
_RESET = b"reset"  # instead of closing the connection normally


def _fields(number: int) -> bytes:
    return b"".join(b"x-%d: 1\r\n" % index for index in range(number))


# What is sent before the connection is closed.
HTTP1: dict[str, bytes] = {
    "ssh": b"SSH-2.0-OpenSSH_9.6\r\n",
    "smtp": b"220 mail.test ESMTP\r\n",
    "http2": b"\0\0\0\4\0\0\0\0\0",
    "no-colon": _OK + b"broken header\r\n\r\n",
    "nul": _OK + b"x-bad: a\0b\r\n\r\n",
    "bad-status": b"HTTP/1.1 abc\r\n\r\n",
    "two-lengths": _OK + b"content-length: 2\r\ncontent-length: 3\r\n\r\nok",
    "half-header": _OK + b"content-le",
    "large-header": _OK + b"x-large: " + b"x" * 600_000 + b"\r\ncontent-length: 0\r\n\r\n",
    "many-fields": _OK + _fields(1100) + b"content-length: 0\r\n\r\n",
    "length-and-chunks": _OK + b"content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    "unknown-coding": _OK + b"transfer-encoding: gzip\r\n\r\nok",
    "bad-chunk": _OK + b"transfer-encoding: chunked\r\n\r\nzz\r\n",
    "short-body": _OK + b"content-length: 100\r\n\r\nok",
    "short-chunks": _OK + b"transfer-encoding: chunked\r\n\r\n2\r\nok\r\n",
    "closed": b"",
    "reset": _RESET,
    "100-kb-header": _OK + b"x-large: " + b"x" * 100_000 + b"\r\ncontent-length: 2\r\n\r\nok",
    "900-fields": _OK + _fields(900) + b"content-length: 2\r\n\r\nok",
    "good": _OK + b"content-length: 2\r\n\r\nok",
}


@contextmanager
def misbehaving_backend(identity: Identity | None = None, *, http2: bool = False) -> Iterator[str]:
    """Run a misbehaving backend and yield its URL; TLS with *identity*, optionally HTTP/2 (only over TLS)."""
    tls = server_context(identity, ["h2"] if http2 else None) if identity else None
    talk = _talk_http2 if http2 else _talk_http1

    class _Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            connection: socket.socket = self.request
            connection.settimeout(PATIENCE)
            with contextlib.suppress(OSError), contextlib.ExitStack() as stack:
                if tls:
                    connection = stack.enter_context(tls.wrap_socket(connection, server_side=True))
                talk(connection)

    class _Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        request_queue_size = 256

    with _Server((V4, 0), _Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield f"{'https' if tls else 'http'}://{V4}:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


def _talk_http1(connection: socket.socket) -> None:
    request = b""
    while b"\r\n\r\n" not in request:
        data = connection.recv(65536)
        if not data:
            return
        request += data
    name = request.split()[1].rpartition(b"/")[2].decode()
    if name == "silent":
        connection.recv(1)
        return
    reply = HTTP1.get(name, HTTP1["good"])
    if reply is _RESET:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()
        return
    connection.sendall(reply)
    with contextlib.suppress(OSError):
        if isinstance(connection, ssl.SSLSocket):
            connection.unwrap()
        else:
            connection.shutdown(socket.SHUT_WR)
        connection.settimeout(1)
        while connection.recv(65536):
            pass


def _talk_http2(connection: socket.socket) -> None:
    config = h2.config.H2Configuration(
        client_side=False, validate_outbound_headers=False, normalize_outbound_headers=False
    )
    talk = H2Connection(config=config)
    talk.initiate_connection()
    connection.sendall(talk.data_to_send())
    endless: set[int] = set()
    while data := connection.recv(65536):
        for event in talk.receive_data(data):
            if isinstance(event, h2.events.StreamReset):
                endless.discard(event.stream_id or 0)
            if isinstance(event, h2.events.RequestReceived):
                path = dict(event.headers)[b":path"].rpartition(b"/")[2].decode()
                if path == "silent":
                    continue
                if path == "endless":
                    talk.send_headers(event.stream_id or 0, _HEAD)
                    endless.add(event.stream_id or 0)
                    continue
                raw = HTTP2.get(path, HTTP2["good"])(talk, event.stream_id or 0)
                connection.sendall(talk.data_to_send() + (raw or b""))
                if raw is not None:
                    return
        for stream in endless:
            while size := min(talk.local_flow_control_window(stream), talk.max_outbound_frame_size):
                talk.send_data(stream, bytes(size))
        connection.sendall(talk.data_to_send())


Misbehaviour = Callable[[H2Connection, int], bytes | None]
_HEAD = [(":status", "200")]


def _reset(code: ErrorCodes, *, begun: bool = False) -> Misbehaviour:
    def act(talk: H2Connection, stream: int) -> None:
        if begun:
            talk.send_headers(stream, _HEAD)
        talk.reset_stream(stream, code)

    return act


def _answer(headers: list[tuple[str, str]], body: bytes = b"") -> Misbehaviour:
    def act(talk: H2Connection, stream: int) -> None:
        talk.send_headers(stream, _HEAD + headers)
        talk.send_data(stream, body, end_stream=True)

    return act


def _go_away(talk: H2Connection, _: int) -> bytes:
    talk.close_connection(ErrorCodes.ENHANCE_YOUR_CALM, last_stream_id=0)
    return b""


def _begun_and_closed(talk: H2Connection, stream: int) -> bytes:
    talk.send_headers(stream, _HEAD)
    return b""


def _raw(data: bytes) -> Misbehaviour:
    return lambda *_: data


# None: the connection stays open; otherwise it is closed after these bytes.
HTTP2: dict[str, Misbehaviour] = {
    "refused": _reset(ErrorCodes.REFUSED_STREAM),
    "go-away": _go_away,
    "reset": _reset(ErrorCodes.INTERNAL_ERROR),
    "closed": _raw(b""),
    "begun-reset": _reset(ErrorCodes.INTERNAL_ERROR, begun=True),
    "begun-closed": _begun_and_closed,
    "http1": _raw(HTTP1["good"]),
    "upper-case": _answer([("X-Bad", "1")]),
    "large-header": _answer([(f"x-{number}", "x" * 10_000) for number in range(20)]),
    "many-fields": _answer([(f"x-{number}", "1") for number in range(1100)]),
    "short-body": _answer([("content-length", "100")], b"ok"),
    "long-body": _answer([("content-length", "2")], b"ok and more"),
    "good": _answer([], b"ok"),
}
