"""
APIs that are published while a test breaks something.

    with Deployments([one, other], backend.url()) as deployments:
        kill(...)
        deployments.go_on()
    assert deployments.find_lost(other) == []
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
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.api_ids: list[str] = []  # of those whose publication was acknowledged
        self.refusals: set[str] = set()  # why others were rejected

    def __enter__(self) -> "Deployments":
        self._thread.start()
        self.go_on()
        return self

    def __exit__(self, *exception: object) -> None:
        self._end.set()
        self._thread.join()

    def go_on(self, more: int = 2) -> None:
        """Wait until *more* APIs are published."""
        goal = len(self.api_ids) + more
        wait_until(lambda: len(self.api_ids) >= goal, within=SOON)

    def find_lost(self, control_plane: Holdfast) -> list[str]:
        """Return the ids of APIs that were published, and that *control_plane* doesn't list as such."""
        apis = control_plane.rest.get("/apis", params={"limit": 1000}).json()["list"]
        return sorted(set(self.api_ids) - {api["id"] for api in apis if api["lifeCycleStatus"] == "PUBLISHED"})

    def _run(self) -> None:
        control_plane = next(self._control_planes)
        while not self._end.wait(PAUSE):
            name = f"deployed{next(_numbers)}"
            body = {"name": name, "context": f"/{name}", "version": "1", "endpointConfig": self._config}
            try:
                response = control_plane.rest.post("/apis", json=body)
                if self._is_success(response):
                    query = {"apiId": response.json()["id"], "action": "Publish"}
                    if self._is_success(control_plane.rest.post("/apis/change-lifecycle", params=query)):
                        self.api_ids.append(response.json()["id"])
            except httpx2.TransportError:  # it was killed
                control_plane = next(self._control_planes)

    def _is_success(self, answer: httpx2.Response) -> bool:
        if not answer.is_success:
            self.refusals.add(str(answer.json()["description"]))
        return answer.is_success
