"""
APIs that are published while a test breaks something.

    with Deployments([one, other], backend.url()) as deployments:
        kill(...)
        deployments.go_on()
    assert deployments.lost(other) == []
"""

import itertools
import threading
from collections.abc import Sequence

import httpx2

from rotating import SOON
from running import Holdfast, wait_until

PAUSE = 0.2  # seconds after each API
_numbers = itertools.count(1)


class Deployments:
    """APIs, each published at the next control plane that answers, until the block ends."""

    def __init__(self, control_planes: Sequence[Holdfast], endpoint: str) -> None:
        self._control_planes = itertools.cycle(control_planes)
        self._config = {"endpoint_type": "http", "production_endpoints": {"url": endpoint}}
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.published: list[str] = []  # ids of APIs whose publication was acknowledged
        self.refusals: set[str] = set()  # why others were rejected

    def __enter__(self) -> "Deployments":
        self._thread.start()
        self.go_on()
        return self

    def __exit__(self, *exception: object) -> None:
        self._ended.set()
        self._thread.join()

    def go_on(self, more: int = 2) -> None:
        """Wait until *more* APIs are published."""
        goal = len(self.published) + more
        wait_until(lambda: len(self.published) >= goal, within=SOON)

    def lost(self, control_plane: Holdfast) -> list[str]:
        """Return the ids of APIs that were published, and that *control_plane* doesn't list as such."""
        every = control_plane.rest.get("/apis", params={"limit": 1000}).json()["list"]
        return sorted(set(self.published) - {each["id"] for each in every if each["lifeCycleStatus"] == "PUBLISHED"})

    def _run(self) -> None:
        control_plane = next(self._control_planes)
        while not self._ended.wait(PAUSE):
            name = f"deployed{next(_numbers)}"
            body = {"name": name, "context": f"/{name}", "version": "1", "endpointConfig": self._config}
            try:
                created = control_plane.rest.post("/apis", json=body)
                if self._is_success(created):
                    query = {"apiId": created.json()["id"], "action": "Publish"}
                    if self._is_success(control_plane.rest.post("/apis/change-lifecycle", params=query)):
                        self.published.append(created.json()["id"])
            except httpx2.TransportError:  # it was killed
                control_plane = next(self._control_planes)

    def _is_success(self, answer: httpx2.Response) -> bool:
        if not answer.is_success:
            self.refusals.add(str(answer.json()["description"]))
        return answer.is_success
