"""
Uploads that continue while a test breaks something.

    with Rotation(holdfast, backend.url()) as rotation:
        kill(...)
        rotation.go_on()
    wait_until(rotation.is_kept)
"""

import itertools
import threading
from collections import Counter
from contextlib import suppress

import httpx2

from holdfast.store.errors import StoreUncertain
from issuing import issue
from running import Holdfast, wait_until

SOON = 60.0  # seconds, on a busy machine


class Rotation:
    """Certificates of one endpoint, each added before its predecessor is removed, until the block ends."""

    def __init__(self, holdfast: Holdfast, endpoint: str) -> None:
        self._holdfast, self.endpoint = holdfast, endpoint
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._numbers = itertools.count()
        self.steps, self.last, self.uncertain = 0, "", set[str]()
        self.refusals: Counter[str] = Counter()  # why requests were rejected

    def __enter__(self) -> "Rotation":
        self._thread.start()
        self.go_on()
        return self

    def __exit__(self, *exception: object) -> None:
        self._end.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._end.is_set():
            alias = f"rotated{next(self._numbers)}.{threading.get_ident()}"
            form = {"alias": alias, "endpoint": self.endpoint}
            files = {"certificate": ("certificate.crt", issue("127.0.0.1").pem)}
            self.uncertain |= {alias, self.last}
            with suppress(httpx2.TransportError):  # the publisher was killed
                answer = self._holdfast.rest.post("/endpoint-certificates", data=form, files=files)
                if not answer.is_success:
                    self._note(answer, alias, self.last)
                    continue
                before, self.last = self.last, alias
                self.uncertain.discard(alias)
                if before and self._holdfast.rest.delete(f"/endpoint-certificates/{before}").is_success:
                    self.uncertain.discard(before)
                self.steps += 1
            self._end.wait(0.05)

    def _note(self, answer: httpx2.Response, *aliases: str) -> None:
        """Count a rejected request, which changed nothing unless the database was lost while it committed."""
        self.refusals[f"{answer.status_code} {answer.json()['description']}"] += 1
        if answer.json()["description"] != StoreUncertain.public:
            self.uncertain -= set(aliases)

    def go_on(self, steps: int = 2) -> None:
        """Wait for more steps."""
        goal = self.steps + steps
        wait_until(lambda: self.steps >= goal, within=SOON)

    def is_kept(self) -> bool:
        """Return whether the last certificate that was acknowledged is stored and enforced."""
        answer = self._holdfast.rest.get(f"/endpoint-certificates/{self.last}")
        return answer.is_success and answer.json()["enforcement"]["progress"] == "enforced"
