"""
Delivery of telemetry to a collector over HTTP, in threads that nothing waits for.

Threads of asyncio also send changes to gateways, and Python waits for them when it ends, so none of them may depend on
whether a collector responds.
"""

import asyncio
import socket
import ssl
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from threading import Lock, Thread
from urllib.parse import urlsplit

from holdfast.gateway.telemetry.collector import PORTS

WITHIN = 5.0  # seconds


class HttpDelivery:
    """Sends messages to one URL, one at a time, each on a new connection. TLS is always verified."""

    def __init__(self, url: str, roots: bytes) -> None:
        """*roots* are the CAs (PEM)."""
        self._url, self._roots = urlsplit(url), roots
        self._turn = Lock()  # also after a message was given up, because resolving a name can't be stopped

    async def send(self, message: bytes) -> int:
        """
        Send a message, and return the status of the response.

        Raises OSError, which includes TimeoutError, HTTPException or ValueError.
        """
        status: Future[int] = Future()
        connections: list[HTTPConnection] = []
        Thread(target=self._run, args=(message, status, connections.append), name="telemetry", daemon=True).start()
        try:
            async with asyncio.timeout(WITHIN):
                return await asyncio.wrap_future(status)
        except TimeoutError as error:
            raise TimeoutError(f"no response within {WITHIN:g} seconds") from error
        finally:
            for connection in connections:
                _shut_down(connection)

    def _run(self, message: bytes, status: Future[int], began: Callable[[HTTPConnection], None]) -> None:
        if not self._turn.acquire(timeout=WITHIN):
            return
        connection = self._open_connection()
        began(connection)
        try:
            connection.connect()
            if status.set_running_or_notify_cancel():
                connection.request("POST", self._url.path, message, {"content-type": "application/x-protobuf"})
                status.set_result(connection.getresponse().status)
        except (OSError, HTTPException, ValueError) as error:
            with suppress(InvalidStateError):  # it was given up
                status.set_exception(error)
        finally:
            connection.close()
            self._turn.release()

    def _open_connection(self) -> HTTPConnection:
        host, port = str(self._url.hostname), self._url.port or PORTS[self._url.scheme]
        if self._url.scheme == "http":
            return HTTPConnection(host, port, timeout=WITHIN)
        context = ssl.create_default_context(cadata=self._roots.decode("ascii"))
        return HTTPSConnection(host, port, timeout=WITHIN, context=context)


def _shut_down(connection: HTTPConnection) -> None:
    """End what a thread waits for, if it still uses *connection*; of TLS, too, only the connection is shut down."""
    if isinstance(connection.sock, socket.socket):
        with suppress(OSError):
            socket.socket.shutdown(connection.sock, socket.SHUT_RDWR)
