"""
Callers that keep calling while a test changes something.

    with Load(holdfast, api.path) as load:
        holdfast.replace_certificate(alias, pem)
        load.go_on()
    assert set(load.answers) == {"200"}
"""

import threading
from collections import Counter

import httpx2

from running import Holdfast, refusal, wait_until


class Load:
    """Several callers, each with a connection that stays open, who call one path until the block ends."""

    def __init__(self, holdfast: Holdfast, path: str, callers: int = 3) -> None:
        self._holdfast, self._path = holdfast, path
        self._threads = [threading.Thread(target=self._call) for _ in range(callers)]
        self._ended = threading.Event()
        self.answers: Counter[str] = Counter()

    def __enter__(self) -> "Load":
        for thread in self._threads:
            thread.start()
        self.go_on()
        return self

    def __exit__(self, *exception: object) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def _call(self) -> None:
        with self._holdfast.caller() as client:
            while not self._ended.is_set():
                try:
                    answer = client.get(self._path)
                    said = "200" if answer.status_code == 200 else refusal(answer)
                except (httpx2.HTTPError, AssertionError) as error:
                    said = repr(error)
                self.answers[said] += 1

    def go_on(self, requests: int = 12) -> None:
        """Wait until that many more requests were answered."""
        goal = self.answers.total() + requests
        wait_until(lambda: self.answers.total() >= goal, within=20)
