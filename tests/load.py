"""
Callers that keep calling while a test changes something.

    with Load(holdfast, api.path) as load:
        holdfast.replace_certificate(alias, pem)
        load.go_on()
    assert set(load.answers) == {"200"}
"""

import select
import threading
from collections import Counter
from collections.abc import Mapping
from contextlib import closing
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from typing import Protocol
from urllib.parse import urlsplit

import httpx2

from running import refusal, wait_until

PAUSE = 0.005  # seconds between a caller's requests: without it, the callers take all processors from what they call
WEBSOCKET = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}
CLOSE_FRAME = b"\x88\x80\0\0\0\0"  # masked and empty (RFC 6455, section 5.5.1)


class Gateway(Protocol):
    """A gateway that callers reach."""

    @property
    def gateway_url(self) -> str:
        """Where it serves, over plain HTTP."""


class Caller:
    """A client of a gateway that keeps its connection open; its requests take a fifth of the CPU time of httpx2."""

    def __init__(self, gateway: Gateway, headers: Mapping[str, str] | None = None) -> None:
        address = urlsplit(gateway.gateway_url)
        self._headers = headers or {}
        self._connection = HTTPConnection(str(address.hostname), address.port, timeout=30)

    def call(self, path: str) -> str:
        """Send a request, over a new connection if the gateway has closed that one; return 200, 101 or the refusal."""
        socket = self._connection.sock
        if socket and select.select([socket], [], [], 0)[0]:
            self._connection.close()
        try:
            self._connection.request("GET", path, headers=self._headers)
            answer = self._connection.getresponse()
            content = answer.read()
        except (OSError, HTTPException):
            self._connection.close()
            raise
        if answer.status == HTTPStatus.SWITCHING_PROTOCOLS:
            self._connection.send(CLOSE_FRAME)
            self._connection.close()
            return "101"
        if answer.status == HTTPStatus.OK:
            return "200"
        return refusal(httpx2.Response(answer.status, headers=answer.getheaders(), content=content))

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


class Load:
    """
    Several callers who call one path until the block ends; if it *reconnects*, some over new connections.

    With *headers* WEBSOCKET, they open a websocket each time, and close it.
    """

    def __init__(
        self,
        gateway: Gateway,
        path: str,
        callers: int = 3,
        *,
        reconnects: bool = False,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self._gateway, self._path, self._headers = gateway, path, headers
        calls = [self._call_again if reconnects and number % 2 else self._call for number in range(callers)]
        self._threads = [threading.Thread(target=call, args=[number]) for number, call in enumerate(calls)]
        self._end = threading.Event()
        self._counts = [0] * callers
        self.answers: Counter[str] = Counter()

    def __enter__(self) -> "Load":
        for thread in self._threads:
            thread.start()
        self.go_on()
        return self

    def __exit__(self, *exception: object) -> None:
        self._end.set()
        for thread in self._threads:
            thread.join()

    def _call(self, number: int) -> None:
        with closing(Caller(self._gateway, self._headers)) as caller:
            while not self._end.wait(PAUSE):
                self._send(caller, number)

    def _call_again(self, number: int) -> None:
        while not self._end.wait(PAUSE):
            with closing(Caller(self._gateway, self._headers)) as caller:
                self._send(caller, number)

    def _send(self, caller: Caller, number: int) -> None:
        try:
            outcome = caller.call(self._path)
        except (OSError, HTTPException, AssertionError) as error:
            outcome = repr(error)
        self.answers[outcome] += 1
        self._counts[number] += 1

    def go_on(self, requests: int = 12) -> None:
        """Wait until that many more requests were answered, and each caller's answer is to a request since now."""
        total, targets = sum(self._counts) + requests, [count + 2 for count in self._counts]
        wait_until(
            lambda: sum(self._counts) >= total and all(map(int.__ge__, self._counts, targets))  # one may be in flight
        )
