"""
Callers that keep calling while a test changes something.

    with Load(holdfast, api.path) as load:
        holdfast.replace_certificate(alias, pem)
        load.go_on()
    assert set(load.answers) == {"200"}
"""

import threading
from collections import Counter
from typing import Protocol

import httpx2

from running import refusal, wait_until

PAUSE = 0.005  # seconds between a caller's requests: without it, the callers take all processors from what they call


class Gateway(Protocol):
    """A gateway that callers reach."""

    def caller(self) -> httpx2.Client:
        """Make a client that keeps its connection open."""


class Load:
    """Several callers who call one path until the block ends; if it *reconnects*, some over new connections."""

    def __init__(self, holdfast: Gateway, path: str, callers: int = 3, *, reconnects: bool = False) -> None:
        self._holdfast, self._path = holdfast, path
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
        with self._holdfast.caller() as client:
            while not self._end.wait(PAUSE):
                self._send(client, number)

    def _call_again(self, number: int) -> None:
        while not self._end.wait(PAUSE):
            with self._holdfast.caller() as client:
                self._send(client, number)

    def _send(self, client: httpx2.Client, number: int) -> None:
        try:
            answer = client.get(self._path)
            outcome = "200" if answer.status_code == 200 else refusal(answer)
        except (httpx2.HTTPError, AssertionError) as error:
            outcome = repr(error)
        self.answers[outcome] += 1
        self._counts[number] += 1

    def go_on(self, requests: int = 12) -> None:
        """Wait until that many more requests were answered, and each caller's answer is to a request since now."""
        total, targets = sum(self._counts) + requests, [count + 2 for count in self._counts]
        wait_until(
            lambda: sum(self._counts) >= total and all(map(int.__ge__, self._counts, targets))  # one may be in flight
        )
