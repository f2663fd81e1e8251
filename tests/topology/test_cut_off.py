"""A control plane that can't reach the database, while the other one can, gives up its gateways."""

from collections.abc import Iterator

import pytest

from backends import Backend
from load import Load
from running import wait_until
from topology.installation import Installation

pytestmark = [pytest.mark.envoy, pytest.mark.long]
NOTICED_WITHIN = 10.0  # seconds: until then, others consider the control plane live
SLACK = 15.0  # seconds: it looks every five, and a machine can be busy


@pytest.fixture(scope="module")
def running_installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    directory = tmp_path_factory.mktemp("installation")
    with Installation(directory, with_networks=True) as installation:
        yield installation


@pytest.mark.parametrize("failure", ["cut", "silence"])
def test_a_gateway_leaves_a_control_plane_that_has_no_database_and_follows_all_changes(
    installation: Installation, failure: str
):
    gateway = installation.gateways[0]
    lonely, other = installation.sides_of(gateway)
    network = installation.networks[installation.control_planes.index(lonely)]
    with Backend(None) as backend:
        before = other.publish_api(backend.url())
        wait_until(lambda: gateway.status_of(before) == 200)
        with Load(gateway, before.path) as load:
            getattr(network, failure)()
            after = other.create_api(backend.url())
            other.change_lifecycle(after, "Publish")
            gateway.wait_until_connected(other, NOTICED_WITHIN + SLACK)
            wait_until(lambda: gateway.status_of(after) == 200)
            load.go_on()
        assert set(load.answers) == {"200"}
        network.mend()
        wait_until(lambda: lonely.rest.get(f"/apis/{after.id}").is_success)
