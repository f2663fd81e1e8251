"""An Envoy outlives the publisher that started it, and the next publisher adopts it."""

import json
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import httpx2
import pytest

from backends import Backend
from issuing import issue
from running import Holdfast, PublishedApi, is_running, refusal, wait_until

pytestmark = [pytest.mark.envoy, pytest.mark.long]
PRESENTED = issue("127.0.0.1")


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Holdfast]:
    """A Holdfast that the tests may do anything to; each leaves it running."""
    with Holdfast(tmp_path_factory.mktemp("own")) as holdfast:
        yield holdfast


@pytest.fixture(scope="module")
def api(own: Holdfast) -> Iterator[PublishedApi]:
    with Backend(PRESENTED) as backend:
        yield own.publish_trusted_api(backend.url(), PRESENTED.pem)


class Traffic:
    """Requests over new and kept connections, until the block ends."""

    def __init__(self) -> None:
        self.successes, self.failures = 0, list[str]()

    @contextmanager
    def flow(self, holdfast: Holdfast, api: PublishedApi) -> Iterator["Traffic"]:
        """Send requests one after another, on two threads."""
        ended = threading.Event()

        def send(*, keeps: bool) -> None:
            while not ended.is_set():
                with holdfast.caller() as client:
                    for _ in range(50 if keeps else 1):
                        try:
                            answer = client.get(api.path)
                            failure = None if answer.status_code == 200 else refusal(answer)
                        except httpx2.TransportError as error:
                            failure = repr(error)
                        if failure:
                            self.failures.append(failure)
                        else:
                            self.successes += 1
                        if ended.wait(0.002):
                            return

        threads = [threading.Thread(target=send, kwargs={"keeps": keeps}) for keeps in (True, False)]
        for thread in threads:
            thread.start()
        try:
            yield self
        finally:
            ended.set()
            for thread in threads:
                thread.join()

    def goes_on(self, requests: int = 20) -> None:
        """Wait for more successful requests."""
        goal = self.successes + requests
        wait_until(lambda: self.successes >= goal)


def test_no_request_fails_while_the_publisher_is_killed_and_started_again(own: Holdfast, api: PublishedApi):
    envoy = own.envoy
    with Traffic().flow(own, api) as traffic:
        traffic.goes_on()
        own.kill_publisher()
        traffic.goes_on()
        own.start()
        traffic.goes_on()
    assert traffic.failures == []
    assert own.envoy == envoy
    # The adopted Envoy applies changes.
    (alias,) = (each["alias"] for each in own.rest.get("/endpoint-certificates").json()["certificates"])
    own.delete_certificate(alias)
    wait_until(lambda: not own.call(api.path).is_success)
    endpoints = own.rest.get(f"/apis/{api.id}").json()["endpointConfig"]
    own.import_certificate(endpoints["production_endpoints"]["url"], PRESENTED.pem)
    assert own.call(api.path).status_code == 200


def test_an_adopted_envoy_that_is_killed_serves_again_within_a_second(own: Holdfast, api: PublishedApi):
    own.kill_publisher()
    own.start()
    envoy = own.envoy
    os.kill(envoy, signal.SIGKILL)
    wait_until(lambda: not is_running(envoy))
    wait_until(lambda: own.answers(api), within=2)  # 0.4 s on a quiet machine
    assert own.call(api.path).status_code == 200
    assert own.envoy != envoy


@pytest.mark.parametrize("change", [{"configuration": "another"}, {"pid": "unknown"}])
def test_an_envoy_with_another_configuration_or_without_a_record_is_replaced(
    own: Holdfast, api: PublishedApi, change: dict[str, str]
):
    envoy, file = own.envoy, own.gateway / "envoy.json"
    own.kill_publisher()
    own.kill_agent()
    file.write_text(json.dumps(json.loads(file.read_text()) | change))
    own.start()
    assert own.envoy != envoy
    assert not is_running(envoy)
    assert own.call(api.path).status_code == 200


def test_an_adopted_envoy_ends_with_its_publisher(own: Holdfast):
    envoy = own.envoy
    assert os.getsid(envoy) != os.getsid(own.pid)  # Ctrl-C reaches only the publisher
    own.kill_publisher()
    own.start()
    own.stop(signal.SIGINT)
    assert not is_running(envoy)
    assert not list(own.data.parent.glob("holdfast-*"))
