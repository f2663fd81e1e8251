"""An installation moves from SQLite to PostgreSQL, and its gateways don't notice."""

import subprocess

import pytest

from postgresql import shared_server
from running import COMMAND, wait_until
from topology.installation import ControlPlane, Gateway

pytestmark = [pytest.mark.envoy, pytest.mark.long]
UNKNOWN = 404  # what a gateway answers if it doesn't know an API


def newest_revision(control_plane):
    return control_plane.rest.get("/gateways/eu-1").raise_for_status().json()["connection"]["newestRevision"]


def test_gateways_keep_serving_and_follow_the_copied_database(short_path):
    control_plane = ControlPlane(short_path, "a", shared_server().create_database().url, {})
    url = control_plane.environment.pop("HOLDFAST_DATABASE")
    control_plane.start()
    gateway = Gateway(control_plane, short_path, "eu-1", "127.0.0.2")
    try:
        gateway.begin()
        gateway.wait_until_connected(control_plane)
        api = control_plane.create_api("https://127.0.0.1:1")
        control_plane.change_lifecycle(api, "Publish")
        wait_until(lambda: gateway.status_of(api) not in {0, UNKNOWN})
        before = newest_revision(control_plane)
        control_plane.stop()

        copy = [COMMAND, "database", "copy", f"--data={control_plane.data}", f"--database={url}"]
        process = subprocess.run(copy, env=control_plane.environment, capture_output=True, text=True, check=True)
        assert "and compared each" in process.stdout
        assert gateway.status_of(api) not in {0, UNKNOWN}

        control_plane.environment["HOLDFAST_DATABASE"] = url
        control_plane.start()
        gateway.wait_until_connected(control_plane)  # with the certificate that it has
        another = control_plane.create_api("https://127.0.0.1:2")
        control_plane.change_lifecycle(another, "Publish")
        wait_until(lambda: gateway.status_of(another) not in {0, UNKNOWN})
        assert gateway.status_of(api) != UNKNOWN
        assert newest_revision(control_plane) > before
    finally:
        gateway.stop()
        control_plane.__exit__()
