"""
HTTP requests to Envoy's admin interface. `http.client` takes 1 MB in each agent; Envoy's responses need little of it.
"""

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

ANSWERS_WITHIN = 2.0  # seconds
_MAX_BYTES = 64 * 1024 * 1024
_MAX_LINE = 8192  # bytes; Envoy's are short


class NoAdminAnswer(RuntimeError):
    """Envoy's admin interface doesn't answer."""


def ask(admin: Path, target: str, method: str = "GET", max_bytes: int = _MAX_BYTES) -> str:
    """
    Return the body of the response of the admin interface on the socket *admin*. Blocks.

    Raises NoAdminAnswer if there is none, or if it is longer than *max_bytes*.
    """
    head = f"{method} {target} HTTP/1.1\r\nHost: admin\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
    body = bytearray()
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(ANSWERS_WITHIN)
            connection.connect(str(admin))
            connection.sendall(head.encode("ascii"))
            with connection.makefile("rb") as response:
                for part in _read_body(response):
                    body += part
                    if len(body) > max_bytes:
                        raise NoAdminAnswer(f"more than {max_bytes} bytes")
    except (OSError, ValueError) as error:
        raise NoAdminAnswer(str(error)) from error
    return body.decode("utf-8", "replace")


def reopen_logs(admin: Path) -> bool:
    """Let Envoy open its access logs again; return whether it answers on the socket *admin*. Blocks."""
    try:
        ask(admin, "/reopen_logs", "POST")
    except NoAdminAnswer:
        return False
    return True


def _read_body(response: BinaryIO) -> Iterator[bytes]:
    """Yield the body of a response, which Envoy sends in chunks (RFC 9112, section 7.1). Raises ValueError."""
    lines = iter(lambda: response.readline(_MAX_LINE).strip().lower(), b"")
    if b"transfer-encoding: chunked" not in list(lines):
        raise ValueError("the response isn't one of the admin interface")
    while size := int(response.readline(_MAX_LINE), 16):
        yield response.read(size)
        response.readline(_MAX_LINE)
