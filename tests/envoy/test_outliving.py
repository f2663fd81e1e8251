"""An Envoy outlives the publisher that started it, and the next publisher adopts it."""

import json
import os
import signal
from collections.abc import Iterator

import pytest

from backends import Backend
from issuing import issue
from load import Load
from running import Holdfast, PublishedApi, is_running, wait_until

pytestmark = [pytest.mark.envoy, pytest.mark.long]
IDENTITY = issue("127.0.0.1")


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Holdfast]:
    """A Holdfast that the tests may do anything to; each leaves it running."""
    with Holdfast(tmp_path_factory.mktemp("own")) as holdfast:
        yield holdfast


@pytest.fixture(scope="module")
def api(own: Holdfast) -> Iterator[PublishedApi]:
    with Backend(IDENTITY) as backend:
        yield own.publish_trusted_api(backend.url(), IDENTITY.pem)


def test_no_request_fails_while_the_publisher_is_killed_and_started_again(own: Holdfast, api: PublishedApi):
    envoy = own.envoy
    with Load(own, api.path, reconnects=True) as load:
        own.kill_publisher()
        load.go_on(50)
        own.start()
        load.go_on(50)
    assert set(load.answers) == {"200"}
    assert own.envoy == envoy
    # The adopted Envoy applies changes.
    (alias,) = (entry["alias"] for entry in own.rest.get("/endpoint-certificates").json()["certificates"])
    own.delete_certificate(alias)
    wait_until(lambda: not own.call(api.path).is_success)
    endpoints = own.rest.get(f"/apis/{api.id}").json()["endpointConfig"]
    own.import_certificate(endpoints["production_endpoints"]["url"], IDENTITY.pem)
    assert own.call(api.path).status_code == 200


def test_an_adopted_envoy_that_is_killed_serves_again(own: Holdfast, api: PublishedApi):
    own.kill_publisher()
    own.start()
    envoy = own.envoy
    os.kill(envoy, signal.SIGKILL)
    wait_until(lambda: not is_running(envoy))
    wait_until(lambda: own.answers(api), within=20)  # 0.4 s on a quiet machine
    assert own.call(api.path).status_code == 200
    assert own.envoy != envoy


def test_an_envoy_with_another_configuration_is_replaced_without_a_failed_request(own: Holdfast, api: PublishedApi):
    """As after an upgrade."""
    envoy, file = own.envoy, own.gateway / "envoy.json"
    own.kill_publisher()
    own.kill_agent()
    file.write_text(json.dumps(json.loads(file.read_text()) | {"configuration": "another"}))
    with Load(own, api.path, reconnects=True) as load:
        own.start()
        assert own.envoy != envoy
        wait_until(lambda: not is_running(envoy))  # it had a second to finish requests
        load.go_on(50)
    assert set(load.answers) == {"200"}


def test_an_envoy_without_a_record_is_replaced(own: Holdfast, api: PublishedApi):
    envoy, file = own.envoy, own.gateway / "envoy.json"
    own.kill_publisher()
    own.kill_agent()
    file.write_bytes(b"\xff")
    own.start()
    assert own.envoy != envoy
    assert not is_running(envoy)
    assert own.call(api.path).status_code == 200


def test_a_publisher_that_cannot_start_leaves_the_gateway_of_its_predecessor_running(own: Holdfast, api: PublishedApi):
    own.kill_publisher()
    agent, envoy = own.agent, own.envoy
    own.environment["HOLDFAST_SEALING_KEY"] = "not a key"
    try:
        assert "HOLDFAST_SEALING_KEY" in own.refuse_to_start()
    finally:
        del own.environment["HOLDFAST_SEALING_KEY"]
    assert (own.agent, own.envoy) == (agent, envoy)
    assert own.call(api.path).status_code == 200
    own.start()


def test_an_adopted_envoy_ends_with_its_publisher(own: Holdfast):
    envoy = own.envoy
    assert os.getsid(envoy) != os.getsid(own.pid)  # Ctrl-C reaches only the publisher
    own.kill_publisher()
    own.start()
    own.stop(signal.SIGINT)
    assert not is_running(envoy)
    assert not list(own.data.parent.glob("holdfast-*"))
