"""The database that two control planes share: they write at once, and it is killed under both."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial

import httpx2
import pytest

from backends import V4, Backend
from deploying import Deployments
from issuing import issue
from load import Load
from rotating import SOON, Rotation
from running import wait_until
from topology.installation import ControlPlane, Installation

pytestmark = [pytest.mark.envoy, pytest.mark.long]
IDENTITY = issue(V4)
ROUNDS = 8


def race(installation: Installation, send: Callable[[ControlPlane], httpx2.Response]) -> Counter[int]:
    """Send a request to both control planes at once, twice to each, and count the statuses."""
    with ThreadPoolExecutor() as threads:
        answers = list(threads.map(send, [*installation.control_planes * 2]))
    return Counter(answer.status_code for answer in answers)


def upload(endpoint: str, alias: str, file: bytes, control_plane: ControlPlane) -> httpx2.Response:
    form, files = {"alias": alias, "endpoint": endpoint}, {"certificate": ("certificate.pem", file)}
    return control_plane.rest.post("/endpoint-certificates", data=form, files=files)


def test_of_those_who_write_the_same_at_once_exactly_one_succeeds(installation: Installation):
    one, other = installation.control_planes
    with Backend(IDENTITY) as backend:
        one.publish_api(backend.url())
        for number in range(ROUNDS):
            alias = f"same{number}"
            uploads = race(installation, partial(upload, backend.url(), alias, issue(V4).pem))
            assert uploads == {201: 1, 409: 3}
            assert race(
                installation,
                lambda control_plane, alias=alias: control_plane.rest.delete(f"/endpoint-certificates/{alias}"),
            ) == {200: 1, 404: 3}
            name = {"name": f"Same{number}", "context": f"/same{number}", "version": "1"}
            assert race(installation, lambda control_plane, name=name: control_plane.rest.post("/apis", json=name)) == {
                201: 1,
                409: 3,
            }
    assert one.rest.get("/apis").json() == other.rest.get("/apis").json()


def test_kill_9_of_the_database_loses_nothing_that_either_control_plane_acknowledged(installation: Installation):
    with ExitStack() as stack:
        backends = [stack.enter_context(Backend(IDENTITY)) for _ in range(3)]
        one, other = installation.control_planes
        stable = one.publish_trusted_api(backends[0].url(), IDENTITY.pem)
        for backend in backends[1:]:
            one.create_api(backend.url())
        for gateway in installation.gateways:
            wait_until(lambda gateway=gateway: gateway.status_of(stable) == 200, SOON)
        loads = [stack.enter_context(Load(gateway, stable.path)) for gateway in installation.gateways]
        rotations = [
            stack.enter_context(Rotation(control_plane, backend.url()))
            for control_plane, backend in zip((one, other), backends[1:], strict=True)
        ]
        deployments = stack.enter_context(Deployments([one], backends[0].url()))
        for _ in range(2):
            installation.postgres.kill()
            for load in loads:
                load.go_on()
            installation.postgres.start()
            for rotation in rotations:
                rotation.go_on()
            deployments.go_on()
        for load in loads:
            load.go_on()
        ends = [rotation.last for rotation in rotations]
        assert all(ends)
    assert [set(load.answers) for load in loads] == [{"200"}] * 2
    assert (deployments.find_lost(one), deployments.find_lost(other)) == ([], [])
    for rotation, backend in zip(rotations, backends[1:], strict=True):
        for control_plane in (one, other):
            query = {"endpoint": backend.url(), "limit": 100}
            entries = control_plane.rest.get("/endpoint-certificates", params=query).json()["certificates"]
            assert {entry["alias"] for entry in entries} - rotation.uncertain == {rotation.last}
