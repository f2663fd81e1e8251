"""A gateway that follows one control plane can be tested, and its failures seen, at another one."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager

import httpx2
import pytest

from backends import V4, Backend
from issuing import issue
from running import wait_until
from topology.installation import ControlPlane, Gateway, Installation

pytestmark = [pytest.mark.envoy, pytest.mark.long]
IDENTITY = issue(V4)


def probe(control_plane: ControlPlane, endpoint: str, gateway: Gateway) -> dict:
    """Test a backend at a gateway; return the result."""
    form = {"endpoint": endpoint, "gateway": gateway.name}
    result = control_plane.rest.post("/endpoints/probe", data=form).raise_for_status().json()
    assert result["gateway"] == gateway.name
    return result


def test_a_backend_is_tested_at_the_gateway_of_another_control_plane(installation: Installation):
    gateway = installation.gateways[1]
    with Backend(IDENTITY) as backend:
        directly, at_gateway = (
            probe(control_plane, backend.url(), gateway) for control_plane in installation.sides_of(gateway)
        )
    assert at_gateway == directly
    assert (at_gateway["verdict"]["accepted"], at_gateway["verdict"]["code"]) == (False, "self_signed_not_trusted")


def test_a_failure_is_the_same_at_every_control_plane(installation: Installation):
    gateway = installation.gateways[1]
    own, other = installation.sides_of(gateway)
    with Backend(IDENTITY) as backend:
        api = other.publish_api(backend.url())
        other.wait_until_served(api)
        with (
            signed_in(other) as browser,
            browser.stream("GET", f"/apis/{api.id}/enforcement/live") as events,
        ):
            assert events.headers["X-Accel-Buffering"] == "no"  # so that nginx passes each event on at once
            lines = events.iter_lines()
            assert gateway.status_of(api) == 503
            # The client's time limit ends the wait.
            assert next(line for line in lines if "self_signed_not_trusted" in line)
        wait_until(lambda: [failure for failure in failures(own, api, gateway) if failure["examinedTime"]])
        wait_until(lambda: failures(other, api, gateway) == failures(own, api, gateway))
        (failure,) = failures(other, api, gateway)
        assert (failure["code"], len(failure["presented"])) == ("self_signed_not_trusted", 1)
        single = f"/failures/{failure['requestId']}"
        assert other.rest.get(single).json() == own.rest.get(single).json()
        assert other.rest.get("/failures/unknown").status_code == 404
        for path in ("/failures", f"/failures?request_id={failure['requestId']}"):
            # Relative times, such as "10 s ago", may have changed between the two.
            wait_until(lambda path=path: page(other, path) == page(own, path))
            assert "self-signed" in page(other, path)
        live = f"/apis/{api.id}/enforcement"
        assert json.loads(page(other, live))["failures"] == json.loads(page(own, live))["failures"] != {}
        other.import_certificate(backend.url(), IDENTITY.pem)
        for control_plane in (other, own):
            wait_until(lambda control_plane=control_plane: not failures(control_plane, api, gateway))


def failures(control_plane: ControlPlane, api, gateway: Gateway) -> list[dict]:
    """Return the failures of an API at a gateway."""
    entries = control_plane.rest.get("/failures").raise_for_status().json()["list"]
    return [entry for entry in entries if (entry["apiId"], entry["gateway"]) == (api.id, gateway.name)]


def page(control_plane: ControlPlane, path: str) -> str:
    """Return a page as an admin sees it, without how long ago something was: that depends on when it is opened."""
    with signed_in(control_plane) as browser:
        answer = browser.get(path)
    assert answer.status_code == 200, answer.text
    return re.sub(r"just now|\d+ \w+ ago", "", answer.text)


@contextmanager
def signed_in(control_plane: ControlPlane) -> Iterator[httpx2.Client]:
    """Provide a browser in which an admin has signed in."""
    with control_plane.browser() as browser:
        browser.post("/sign-in", data={"name": "admin", "password": control_plane.admin_password})
        yield browser


def test_failures_outlive_the_control_plane_that_knew_them(installation: Installation):
    gateway = installation.gateways[1]
    own, other = installation.sides_of(gateway)
    with Backend(IDENTITY) as backend:
        api = other.publish_api(backend.url())
        other.wait_until_served(api)
        # Until the gateway has the backend, it answers 503 as well, without a failure.
        wait_until(lambda: gateway.status_of(api) == 503 and failures(other, api, gateway))
        own.kill_publisher()
        assert failures(other, api, gateway)
        gateway.wait_until_connected(other)
        (before,) = failures(other, api, gateway)
        gateway.status_of(api)
        wait_until(lambda: failures(other, api, gateway)[0]["times"] > before["times"])
        own.start()
        wait_until(lambda: failures(own, api, gateway) == failures(other, api, gateway))
