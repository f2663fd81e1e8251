"""A change made at one control plane is applied by the gateway of another one, and all report it as enforced alike."""

import time

import pytest

from backends import V4, Backend
from issuing import issue
from running import wait_until
from topology.installation import ControlPlane, Installation

pytestmark = [pytest.mark.envoy, pytest.mark.long]
PRESENTED = issue(V4)


def enforcement(control_plane: ControlPlane, alias: str) -> dict:
    """Return the enforcement of an endpoint certificate."""
    answer = control_plane.rest.get(f"/endpoint-certificates/{alias}").raise_for_status()
    return answer.json()["enforcement"]


def gateways_of(control_plane: ControlPlane) -> dict[str, str | None]:
    """Return the names of all gateways, and the control planes that they are connected to."""
    listed = control_plane.rest.get("/gateways").raise_for_status().json()["list"]
    return {each["name"]: each["connection"]["controlPlane"] for each in listed}


def test_a_change_at_one_control_plane_is_applied_by_the_gateway_of_the_other(installation: Installation):
    far = installation.gateways[1]
    followed = installation.followed_by(far)
    assert followed
    near = installation.other(followed)
    with Backend(PRESENTED) as backend:
        api = near.publish_api(backend.url())
        wait_until(lambda: far.status_of(api) == 503)
        alias = near.import_certificate(backend.url(), PRESENTED.pem)
        assert far.status_of(api) == 200  # enforced means in force everywhere
        said = enforcement(near, alias)
        assert (said["progress"], said["gateways"], said["enforcedOn"]) == ("enforced", 2, 2)
        assert said["milliseconds"] > 0
        wait_until(lambda: enforcement(followed, alias) == said)
        near.delete_certificate(alias)
        wait_until(lambda: far.status_of(api) == 503)


def test_every_control_plane_lists_all_gateways_and_where_they_are(installation: Installation):
    expected = {gateway.name: installation.followed_by(gateway).name for gateway in installation.gateways}
    for control_plane in installation.control_planes:
        wait_until(lambda control_plane=control_plane: gateways_of(control_plane) == expected)
        statuses = control_plane.rest.get("/gateways").json()["list"]
        wait_until(lambda control_plane=control_plane: all(_reports(control_plane)))
        assert {each["state"] for each in statuses} == {"ENROLLED"}


def _reports(control_plane: ControlPlane) -> list[dict | None]:
    return [each["connection"]["report"] for each in control_plane.rest.get("/gateways").json()["list"]]


def test_a_change_is_enforced_soon_after_a_control_plane_was_killed(installation: Installation):
    """Its gateway connects to the other one, and what the dead one has written no longer counts."""
    gateway = installation.gateways[1]
    followed = installation.followed_by(gateway)
    assert followed
    left = installation.other(followed)
    with Backend(PRESENTED) as backend:
        api = left.publish_api(backend.url())
        followed.kill_publisher()
        began = time.monotonic()
        alias = left.import_certificate(backend.url(), PRESENTED.pem)
        gateway.wait_until_connected(left)
        wait_until(lambda: enforcement(left, alias)["enforcedOn"] == 2, 10)
        assert gateway.status_of(api) == 200
        assert time.monotonic() - began < 9, "the records of the dead control plane still count"
        wait_until(lambda: set(gateways_of(left).values()) == {left.name})
        left.delete_certificate(alias)
