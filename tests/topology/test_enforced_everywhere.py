"""A change made at one control plane is applied by the gateway of another one, and all report it as enforced alike."""

import pytest

from backends import V4, Backend
from issuing import issue
from running import PublishedApi, wait_until
from token_server import TokenServer
from topology.installation import ControlPlane, Installation

pytestmark = [pytest.mark.envoy, pytest.mark.long]
IDENTITY = issue(V4)


def enforcement(control_plane: ControlPlane, alias: str) -> dict:
    """Return the enforcement of an endpoint certificate."""
    answer = control_plane.rest.get(f"/endpoint-certificates/{alias}").raise_for_status()
    return answer.json()["enforcement"]


def gateways_of(control_plane: ControlPlane) -> dict[str, str | None]:
    """Return the names of all gateways, and the control planes that they are connected to."""
    gateways = control_plane.rest.get("/gateways").raise_for_status().json()["list"]
    return {gateway["name"]: gateway["connection"]["controlPlane"] for gateway in gateways}


def test_a_change_at_one_control_plane_is_applied_by_the_gateway_of_the_other(installation: Installation):
    far = installation.gateways[1]
    own = installation.control_plane_of(far)
    assert own
    near = installation.other(own)
    with Backend(IDENTITY) as backend:
        api = near.publish_api(backend.url())
        wait_until(lambda: far.status_of(api) == 503)
        alias = near.import_certificate(backend.url(), IDENTITY.pem)
        assert far.status_of(api) == 200  # enforced means in force everywhere
        status = enforcement(near, alias)
        assert (status["progress"], status["gateways"], status["enforcedOn"]) == ("enforced", 2, 2)
        assert status["milliseconds"] > 0
        wait_until(lambda: enforcement(own, alias) == status)
        near.delete_certificate(alias)
        wait_until(lambda: far.status_of(api) == 503)


def test_a_client_secret_that_is_changed_at_one_control_plane_is_used_by_the_gateway_of_the_other(
    installation: Installation,
):
    far = installation.gateways[1]
    own = installation.control_plane_of(far)
    assert own
    near, identity = installation.other(own), issue(V4)
    with TokenServer(identity) as tokens, Backend(IDENTITY) as backend:
        api = near.publish_trusted_api(backend.url(), IDENTITY.pem)

        def enter(secret: str) -> None:
            oauth = {"type": "OAUTH", "tokenUrl": tokens.url, "clientId": "shop", "clientSecret": secret}
            config = {"production_endpoints": {"url": backend.url()}, "endpoint_security": {"production": oauth}}
            near.rest.put(f"/apis/{api.id}", json={"endpointConfig": config}).raise_for_status()

        enter("wrong")
        near.import_certificate(tokens.url, identity.pem)
        for control_plane in (near, own):
            wait_until(lambda control_plane=control_plane: far.name in missing_token(control_plane, api))
        assert far.status_of(api) == 503
        enter("s3cret & more")
        wait_until(lambda: far.status_of(api) == 200)
        for control_plane in (near, own):
            wait_until(lambda control_plane=control_plane: missing_token(control_plane, api) == [])


def missing_token(control_plane: ControlPlane, api: PublishedApi) -> list[str]:
    """Return the gateways that get no token for *api*, by what a control plane lists."""
    gateways = control_plane.rest.get("/gateways").raise_for_status().json()["list"]
    reports = {gateway["name"]: gateway["connection"]["report"] for gateway in gateways}
    return [
        name
        for name, report in reports.items()
        for missing in (report or {}).get("missingTokens", ())
        if api.id in missing["backend"] and missing["message"] == "status 401, invalid_client"
    ]


def test_every_control_plane_lists_all_gateways_and_where_they_are(installation: Installation):
    expected = {gateway.name: installation.control_plane_of(gateway).name for gateway in installation.gateways}
    for control_plane in installation.control_planes:
        wait_until(lambda control_plane=control_plane: gateways_of(control_plane) == expected)
        statuses = control_plane.rest.get("/gateways").json()["list"]
        wait_until(lambda control_plane=control_plane: all(_reports(control_plane)))
        assert {status["state"] for status in statuses} == {"ENROLLED"}


def _reports(control_plane: ControlPlane) -> list[dict | None]:
    return [gateway["connection"]["report"] for gateway in control_plane.rest.get("/gateways").json()["list"]]


def test_a_change_is_enforced_soon_after_a_control_plane_was_killed(installation: Installation):
    """Its gateway connects to the other one, and what the dead one has written no longer counts."""
    gateway = installation.gateways[1]
    own = installation.control_plane_of(gateway)
    assert own
    other = installation.other(own)
    with Backend(IDENTITY) as backend:
        api = other.publish_api(backend.url())
        own.kill_publisher()
        with installation.database.connect() as connection:  # it counts as live until the end of the test
            later = "UPDATE control_plane SET seen_at = seen_at + interval '10 minutes' WHERE name = %s"
            assert connection.execute(later, [own.name]).rowcount == 1
        alias = other.import_certificate(backend.url(), IDENTITY.pem)
        gateway.wait_until_connected(other)
        wait_until(lambda: enforcement(other, alias)["enforcedOn"] == 2)
        assert gateway.status_of(api) == 200
        wait_until(lambda: set(gateways_of(other).values()) == {other.name})
        other.delete_certificate(alias)
