"""A change made at one control plane is applied by the gateway of another one, and all report it as enforced alike."""

import pytest

from backends import V4, Backend
from issuing import issue
from running import PublishedApi, wait_until
from token_server import TokenServer
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


def test_a_client_secret_that_is_changed_at_one_control_plane_is_used_by_the_gateway_of_the_other(
    installation: Installation,
):
    far = installation.gateways[1]
    followed = installation.followed_by(far)
    assert followed
    near, presented = installation.other(followed), issue(V4)
    with TokenServer(presented) as tokens, Backend(PRESENTED) as backend:
        api = near.publish_trusted_api(backend.url(), PRESENTED.pem)

        def enter(secret: str) -> None:
            oauth = {"type": "OAUTH", "tokenUrl": tokens.url, "clientId": "shop", "clientSecret": secret}
            config = {"production_endpoints": {"url": backend.url()}, "endpoint_security": {"production": oauth}}
            near.rest.put(f"/apis/{api.id}", json={"endpointConfig": config}).raise_for_status()

        enter("wrong")
        near.import_certificate(tokens.url, presented.pem)
        for each in (near, followed):
            wait_until(lambda each=each: far.name in missing_token(each, api))
        assert far.status_of(api) == 503
        enter("s3cret & more")
        wait_until(lambda: far.status_of(api) == 200)
        for each in (near, followed):
            wait_until(lambda each=each: missing_token(each, api) == [])


def missing_token(control_plane: ControlPlane, api: PublishedApi) -> list[str]:
    """Return the gateways that get no token for *api*, by what a control plane lists."""
    listed = control_plane.rest.get("/gateways").raise_for_status().json()["list"]
    reports = {each["name"]: each["connection"]["report"] for each in listed}
    return [
        name
        for name, report in reports.items()
        for missing in (report or {}).get("missingTokens", ())
        if api.id in missing["backend"] and missing["message"] == "status 401, invalid_client"
    ]


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
        with installation.database.connect() as connection:  # it counts as live until the end of the test
            later = "UPDATE control_plane SET seen_at = seen_at + interval '10 minutes' WHERE name = %s"
            assert connection.execute(later, [followed.name]).rowcount == 1
        alias = left.import_certificate(backend.url(), PRESENTED.pem)
        gateway.wait_until_connected(left)
        wait_until(lambda: enforcement(left, alias)["enforcedOn"] == 2)
        assert gateway.status_of(api) == 200
        wait_until(lambda: set(gateways_of(left).values()) == {left.name})
        left.delete_certificate(alias)
