"""
HTTP requests to Envoy's admin interface, with the standard library: another client takes 9 MB and 0.1 s to load.
"""

import http.client
import socket
from pathlib import Path

ANSWERS_WITHIN = 2.0  # seconds
_MAX_BYTES = 64 * 1024 * 1024


class NoAdminAnswer(RuntimeError):
    """Envoy's admin interface doesn't answer."""


def ask(admin: Path, target: str, method: str = "GET", max_bytes: int = _MAX_BYTES) -> str:
    """
    Return the body of the response of the admin interface on the socket *admin*. Blocks.

    Raises NoAdminAnswer if there is none, or if it is longer than *max_bytes*.
    """
    connection = _Connection(admin)
    try:
        connection.request(method, target)
        body = connection.getresponse().read(max_bytes + 1)
    except (OSError, http.client.HTTPException) as error:
        raise NoAdminAnswer(str(error)) from error
    finally:
        connection.close()
    if len(body) > max_bytes:
        raise NoAdminAnswer(f"more than {max_bytes} bytes")
    return body.decode("utf-8", "replace")


def reopen_logs(admin: Path) -> bool:
    """Let Envoy open its access logs again; return whether it answers on the socket *admin*. Blocks."""
    try:
        ask(admin, "/reopen_logs", "POST")
    except NoAdminAnswer:
        return False
    return True


class _Connection(http.client.HTTPConnection):
    """A connection to a unix socket; a kept one would remain with an Envoy that was replaced."""

    def __init__(self, path: Path) -> None:
        super().__init__("admin", timeout=ANSWERS_WITHIN)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))
