"""
Real backends on this machine, each in its own threads until its block ends.

    with Backend(issue("127.0.0.1")) as backend:
        httpx2.get(backend.url("/base"))
"""

import asyncio
import contextlib
import hashlib
import json
import socket
import socketserver
import ssl
import struct
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from typing import Any, Self
from urllib.parse import urlsplit

import websockets.sync.server
from hypercorn.asyncio import serve
from hypercorn.config import Config

from issuing import Identity, server_context

V4, V6 = "127.0.0.1", "::1"
PATIENCE = 60.0  # seconds that a stream waits for `let_on`


class Backend:
    """
    An HTTP/1.1 server; TLS unless *identity* is None.

    It answers with what it was asked, as JSON: method, path, headers, bytes and SHA-256 of the body, and the
    connection that it came by (the other side's port). `/bytes/N` answers N bytes, `/status/N` with that status.
    `/stream` sends one line, waits for `let_on()`, and sends another.
    """

    def __init__(
        self,
        identity: Identity | None,
        address: str = V4,
        tls: ssl.SSLContext | None = None,
        *,
        client_ca: Identity | None = None,
        client_needed: bool = True,
    ) -> None:
        """
        *tls* is what it speaks TLS with, if that is to be something special.

        With *client_ca* it asks for a client certificate of this CA; answers say as `client` whose it was.
        """
        self._server = _Server(address)
        self._server.client_ca, self._server.client_needed = client_ca, client_needed
        self._server.present(identity)
        if tls:
            self._server.tls = tls
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.let_on()
        self._server.shutdown()
        self._thread.join()
        self._server.hang_up()
        self._server.server_close()

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._server.server_address[1])

    def url(self, path: str = "", host: str | None = None) -> str:
        """Its URL, by *host* or else by its address."""
        return _url(
            "https" if self._server.tls else "http", host or str(self._server.server_address[0]), self.port, path
        )

    def present(self, identity: Identity) -> None:
        """Present another certificate from now on; open connections stay."""
        self._server.present(identity)

    def hang_up(self) -> None:
        """Close the open connections."""
        self._server.hang_up()

    @property
    def server_names(self) -> list[str | None]:
        """The distinct server names in the handshakes (SNI), in order of first use."""
        return list(dict.fromkeys(self._server.server_names))

    @property
    def tls_versions(self) -> list[str | None]:
        """The TLS version of each connection."""
        return self._server.tls_versions

    @property
    def connections(self) -> int:
        """The number of connections, without those that failed in the handshake."""
        return self._server.connections

    @property
    def open_connections(self) -> int:
        """The number of open connections."""
        return len(self._server.open)

    @property
    def carriers(self) -> int:
        """The number of connections that carried a request; probes of the backend don't."""
        return len(self._server.carriers)

    @property
    def requests(self) -> int:
        """The number of requests."""
        return self._server.requests

    @property
    def paths(self) -> set[str]:
        """The distinct paths of all requests."""
        return self._server.paths

    def let_on(self) -> None:
        """Let the streams come to their end."""
        self._server.gate.set()


_earlier_ports: set[int] = set()


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    request_queue_size = 256
    tls: ssl.SSLContext | None = None
    client_ca: Identity | None = None
    client_needed = True

    def __init__(self, address: str) -> None:
        self.address_family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.gate = threading.Event()
        self.requests = self.connections = 0
        self.paths: set[str] = set()
        self.carriers: set[int] = set()  # the other side's ports
        self.server_names: list[str | None] = []
        self.tls_versions: list[str | None] = []
        self.lock = threading.Lock()
        self.open: set[Any] = set()
        super().__init__((address, 0), _Exchange)

    def server_bind(self) -> None:
        """Take a port that no earlier backend had: what was decided for its origin may still be there."""
        super().server_bind()
        while (port := self.server_address[1]) in _earlier_ports:
            self.socket.close()
            self.socket = socket.socket(self.address_family, self.socket_type)
            self.server_address = (self.server_address[0], 0)
            super().server_bind()
        _earlier_ports.add(port)

    def present(self, identity: Identity | None) -> None:
        options = {"client_ca": self.client_ca, "client_needed": self.client_needed}
        self.tls = server_context(identity, **options) if identity else None  # type: ignore[arg-type]
        if self.tls:
            self.tls.sni_callback = lambda _, name, __: self.server_names.append(name)

    def get_request(self) -> tuple[Any, Any]:
        request, address = super().get_request()
        if self.tls:
            request = self.tls.wrap_socket(request, server_side=True, do_handshake_on_connect=False)
        return request, address

    def process_request(self, request: Any, client_address: Any) -> None:
        with self.lock:
            self.open.add(request)
        super().process_request(request, client_address)

    def finish_request(self, request: Any, client_address: Any) -> None:
        # Many tests close connections in the middle of something.
        with contextlib.suppress(OSError):
            if isinstance(request, ssl.SSLSocket):
                request.do_handshake()
                self.tls_versions.append(request.version())
            with self.lock:
                self.connections += 1
            super().finish_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self.lock:
            self.open.discard(request)
        super().shutdown_request(request)

    def hang_up(self) -> None:
        with self.lock:
            for connection in self.open:
                with contextlib.suppress(OSError):
                    socket.socket.shutdown(connection, socket.SHUT_RDWR)  # below TLS, which is another thread's


class _Exchange(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def _answer(self) -> None:
        with self.server.lock:
            self.server.requests += 1
            self.server.paths.add(self.path)
            self.server.carriers.add(self.client_address[1])
        body = self._body()
        segments = urlsplit(self.path).path.split("/")
        if "stream" in segments:
            self._stream()
        elif "bytes" in segments:
            self._send(b"x" * int(segments[-1]), "application/octet-stream")
        else:
            status = int(segments[-1]) if "status" in segments else 200
            self._send(json.dumps(self._echo(body)).encode(), "application/json", status)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _answer  # noqa: N815 - names of the base class

    def _body(self) -> bytes:
        if self.headers.get("transfer-encoding", "") != "chunked":
            return self.rfile.read(int(self.headers.get("content-length", "0")))
        chunks = []
        while size := int(self.rfile.readline(), 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(chunks)

    def _echo(self, body: bytes) -> dict[str, Any]:
        return echo(self.command, self.path, self.headers.items(), body) | {
            "connection": self.client_address[1],
            "client": _client(self.connection),
        }

    def _send(self, body: bytes, kind: str, status: int = 200) -> None:
        self.send_response(status)
        self.send_header("content-type", kind)
        if status == HTTPStatus.NO_CONTENT:  # no length, no body (RFC 9110, section 8.6); gateways reject it
            self.end_headers()
            return
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
        self.wfile.flush()

    def _stream(self) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/plain")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        self._chunk(b"begun\n")
        self.server.gate.wait(PATIENCE)
        self._chunk(b"finished\n")
        self._chunk(b"")

    def _chunk(self, data: bytes) -> None:
        self.wfile.write(b"%x\r\n%b\r\n" % (len(data), data))
        self.wfile.flush()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name in the base class
        """Log nothing."""


def _client(connection: Any) -> str | None:
    """Return the common name of the client certificate, None if there is none."""
    certificate = connection.getpeercert() if isinstance(connection, ssl.SSLSocket) else None
    names = dict(pair for rdn in certificate["subject"] for pair in rdn) if certificate else {}
    return names.get("commonName")


def echo(method: str, path: str, headers: Iterable[tuple[str, str]], body: bytes) -> dict[str, Any]:
    """Describe a request."""
    digest = hashlib.sha256(body).hexdigest()
    return {"method": method, "path": path, "headers": dict(headers), "bytes": len(body), "sha256": digest}


def listen_on_new_port() -> socket.socket:
    """Listen on a port of 127.0.0.1 that no earlier backend had: what was decided for its origin may still be there."""
    while (port := (listening := socket.create_server((V4, 0))).getsockname()[1]) in _earlier_ports:
        listening.close()
    _earlier_ports.add(port)
    return listening


def _url(scheme: str, host: str, port: int, path: str) -> str:
    return f"{scheme}://[{host}]:{port}{path}" if ":" in host else f"{scheme}://{host}:{port}{path}"


@contextmanager
def http2_backend(identity: Identity | None, protocols: Sequence[str] = ("h2", "http/1.1")) -> Iterator[str]:
    """
    Run a server that offers *protocols* (ALPN), answers like Backend (and says `http`), and give its URL.

    It also accepts websockets, and sends back each message with the HTTP version before it.

    It speaks TLS, or, without an *identity*, HTTP/1.1 and, with prior knowledge, HTTP/2 in the clear.
    """
    listening, end = listen_on_new_port(), threading.Event()
    url = _url("https" if identity else "http", V4, listening.getsockname()[1], "")
    config = _Http2Config(identity, protocols, listening.detach())
    serving = serve(_asgi_echo, config, shutdown_trigger=lambda: asyncio.to_thread(end.wait))
    thread = threading.Thread(target=asyncio.run, args=[serving])
    thread.start()
    try:
        yield url
    finally:
        end.set()
        thread.join()


class _Http2Config(Config):
    graceful_timeout = 0.2
    loglevel = "critical"

    def __init__(self, identity: Identity | None, protocols: Sequence[str], descriptor: int) -> None:
        super().__init__()
        self._context = server_context(identity, list(protocols)) if identity else None
        self.bind = [f"fd://{descriptor}"]

    @property
    def ssl_enabled(self) -> bool:
        return self._context is not None

    def create_ssl_context(self) -> ssl.SSLContext | None:
        return self._context


async def _asgi_echo(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        while (message := await receive())["type"] == "websocket.receive":
            await send({"type": "websocket.send", "text": f"{scope['http_version']} {message['text']}"})
        return
    if scope["type"] != "http":
        return
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    headers = [(name.decode(), value.decode()) for name, value in scope["headers"]]
    path = scope["raw_path"].decode() + ("?" + scope["query_string"].decode() if scope["query_string"] else "")
    answer = json.dumps(echo(scope["method"], path, headers, body) | {"http": scope["http_version"]}).encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
    await send({"type": "http.response.body", "body": answer})


@contextmanager
def websocket_backend(identity: Identity | None) -> Iterator[str]:
    """Run a server that sends back each message with the path that was asked for before it; TLS if it presents any."""

    def talk(connection: websockets.sync.server.ServerConnection) -> None:
        for message in connection:
            connection.send(f"{connection.request.path if connection.request else ''} {message!s}")

    tls = server_context(identity) if identity else None
    with websockets.sync.server.serve(talk, sock=listen_on_new_port(), ssl=tls) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield _url("https" if tls else "http", V4, server.socket.getsockname()[1], "")
        finally:
            server.shutdown()
            thread.join()


class ListeningBackend:
    """
    A TLS server that records the decrypted data that it receives, by connection.

    It sends nothing, or *reply* after the first data and then closes the connection.
    """

    def __init__(self, context: ssl.SSLContext, reply: bytes = b"") -> None:
        self._context = context
        self._reply = reply
        self._listening = listen_on_new_port()
        self._thread = threading.Thread(target=self._serve)
        self.received: list[bytes] = []
        self.is_asked = threading.Event()  # set by the first data, which `received` gets when the connection ends
        self.names: list[str | None] = []  # server names in handshakes (SNI)
        context.sni_callback = lambda connection, name, context: self.names.append(name)  # noqa: ARG005

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listening.close()

    def url(self, host: str = V4) -> str:
        """Its URL."""
        return _url("https", host, self.port, "")

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._listening.getsockname()[1])

    def _serve(self) -> None:
        listeners = []
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listening.accept()
                listeners.append(threading.Thread(target=self._listen, args=[connection]))
                listeners[-1].start()
        for listener in listeners:
            listener.join()

    def _listen(self, connection: socket.socket) -> None:
        connection.settimeout(PATIENCE)
        with connection, contextlib.suppress(OSError), self._context.wrap_socket(connection, server_side=True) as tls:
            received = b""
            try:
                while data := tls.recv(4096):
                    received += data
                    self.is_asked.set()
                    if self._reply:
                        tls.sendall(self._reply)
                        break
            finally:
                self.received.append(received)


@contextmanager
def silent_backend() -> Iterator[str]:
    """Accept connections and never send anything; yield its URL."""
    with listen_on_new_port() as listening:
        yield _url("https", V4, listening.getsockname()[1], "")


@contextmanager
def resetting_backend() -> Iterator[str]:
    """Reset each connection after the first byte; yield its URL."""

    class _Resetting(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.recv(1)
            self.request.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.request.close()

    with socketserver.ThreadingTCPServer((V4, 0), _Resetting) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield _url("https", V4, server.server_address[1], "")
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def closed_port() -> Iterator[str]:
    """Reserve a port on which nothing listens; yield its URL."""
    with socket.socket() as listening:
        listening.bind((V4, 0))
        yield _url("https", V4, listening.getsockname()[1], "")
