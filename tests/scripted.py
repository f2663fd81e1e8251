"""
HTTP as bytes on a socket, for what no HTTP library would send.

    with ScriptedBackend(script) as backend:        # script(connection, head) handles one request
        api = holdfast.publish_api(backend.url)
        assert exchange(holdfast, f"GET {api.path} HTTP/1.0") == ...
"""

import contextlib
import select
import socket
import ssl
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Self

from backends import listen_on_new_port
from issuing import Identity, server_context

V4 = "127.0.0.1"
PATIENCE = 60.0
Script = Callable[[socket.socket, "Message"], None]


@dataclass(frozen=True, slots=True)
class Message:
    """A request or response as it came over HTTP/1: its first line, its fields by lower-case name, what followed."""

    line: str
    fields: Sequence[tuple[str, str]]
    rest: bytes = b""

    def all(self, name: str) -> list[str]:
        """The values of every field called *name*."""
        return [value for field, value in self.fields if field == name]

    @property
    def status(self) -> int:
        """The status code of a response."""
        return int(self.line.split()[1])


def read_message(connection: socket.socket) -> Message:
    """Read up to the end of the head; `rest` is what came with it."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += receive(connection)
    head, _, rest = data.partition(b"\r\n\r\n")
    line, *lines = head.decode("latin-1").split("\r\n")
    pairs = (line.partition(":") for line in lines)
    return Message(line, [(name.lower(), value.strip()) for name, _, value in pairs], rest)


def receive(connection: socket.socket) -> bytes:
    """Receive something; the end of the connection is an EOFError."""
    if data := connection.recv(65536):
        return data
    raise EOFError


def read_until(connection: socket.socket, data: bytes, end: bytes) -> bytes:
    """Read on after *data* until it ends with *end*."""
    while not data.endswith(end):
        data += receive(connection)
    return data


def answer(*fields: str, status: str = "200 OK", body: bytes = b"ok") -> Script:
    """Make a script that answers every request with these header fields."""
    lines = [f"HTTP/1.1 {status}", *fields, f"Content-Length: {len(body)}", "", ""]
    return lambda connection, _: connection.sendall("\r\n".join(lines).encode() + body)


def refuse_early(connection: socket.socket, _: Message) -> None:
    """Answer 413 before the body has come, say that nothing follows, and read no further until the other side ends."""
    connection.sendall(
        b"HTTP/1.1 413 Content Too Large\r\nContent-Type: text/plain\r\nContent-Length: 9\r\nConnection: close\r\n\r\n"
        b"too large"
    )
    socket.socket.shutdown(connection, socket.SHUT_WR)
    poll = select.poll()
    poll.register(connection, select.POLLRDHUP | select.POLLHUP | select.POLLERR)
    poll.poll(PATIENCE * 1000)
    raise EOFError


class ScriptedBackend:
    """A server that reads the head of each request and lets *script* do the rest; TLS with *identity*."""

    def __init__(self, script: Script, identity: Identity | None = None) -> None:
        self._script = script
        self._tls = server_context(identity) if identity else None
        self._listening = listen_on_new_port()
        self._thread = threading.Thread(target=self._accept)
        self.url = f"{'https' if identity else 'http'}://{V4}:{self._listening.getsockname()[1]}"
        self.requests: list[Message] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listening.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listening.accept()
                connection.settimeout(PATIENCE)
                threading.Thread(target=self._serve, args=[connection], daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError, EOFError), connection, self._secure(connection) as stream:
            while True:
                message = read_message(stream)
                self.requests.append(message)
                self._script(stream, message)

    def _secure(self, connection: socket.socket) -> socket.socket:
        return self._tls.wrap_socket(connection, server_side=True) if self._tls else connection


def dial(address: tuple[str, int], tls: ssl.SSLContext | None = None) -> socket.socket:
    """Connect to a gateway."""
    connection = socket.create_connection(address, PATIENCE)
    return tls.wrap_socket(connection, server_hostname=address[0]) if tls else connection


def exchange(address: tuple[str, int], *lines: str, body: bytes = b"") -> Message:
    """Send a request over a new connection and return what the gateway sends until it closes the connection."""
    with dial(address) as connection:
        connection.sendall("\r\n".join([*lines, "", ""]).encode() + body)
        message = read_message(connection)
        rest = message.rest
        with contextlib.suppress(EOFError):
            while True:
                rest += receive(connection)
        return Message(message.line, message.fields, rest)
