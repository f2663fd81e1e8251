"""A gateway whose port another program has: retried, shown everywhere, and served once the port is free."""

import json
import os
import signal
import socket
import subprocess

import httpx
import pytest

from backends import Backend
from holdfast.gateway.process import find_envoy
from running import COMMAND, START_WITHIN, Holdfast, is_running, wait_until

pytestmark = pytest.mark.envoy
HOST = "127.0.0.1"


def take(address):
    """Listen on *address* as another program would, as soon as it is free."""
    host, _, port = address.rpartition(":")

    def listen():
        try:
            return socket.create_server((host, int(port)))
        except OSError:
            return None

    return wait_until(listen)


def failing(holdfast):
    """Name what `/readyz` says isn't ready; empty before anybody answers."""
    try:
        return httpx.get(f"{holdfast.publisher_url}/readyz", trust_env=False).json().get("failing", [])
    except httpx.TransportError:
        return []


def diagnosis(holdfast):
    """Give what `doctor` says of the gateway's first address: outcome, text, advice."""
    command = [str(COMMAND), "doctor", "--json", *holdfast.options()]
    done = subprocess.run(command, env=holdfast.environment, capture_output=True, text=True, timeout=60, check=False)
    found, _ = [each for each in json.loads(done.stdout)["list"] if each["name"] == "gateway"]
    return found["outcome"], found["text"], found["advice"]


@pytest.fixture(scope="module")
def holdfast(tmp_path_factory):
    """A Holdfast that listens on 127.0.0.1, by name, and on ::1."""
    made = Holdfast(tmp_path_factory.mktemp("holdfast"))
    made.listen_by_name_and_on_ipv6()
    with made:
        yield made


@pytest.fixture(scope="module")
def api(holdfast):
    with Backend(None) as backend:
        yield holdfast.publish_api(backend.url(), backend.url())


def test_a_port_that_was_taken_for_a_moment_is_served_without_a_restart(holdfast, api):
    address = holdfast.gateway_url.removeprefix("http://")
    problem = f"Can't listen on {address}: address already in use."

    def metrics():
        return httpx.get(f"{holdfast.publisher_url}/metrics", auth=holdfast.rest.auth, trust_env=False).text

    def overview():
        with holdfast.browser() as page:
            page.post("/sign-in", data={"name": "admin", "password": holdfast.admin_password})
            return page.get(f"/apis/{api.id}").text.replace("&#39;", "'")

    assert 'holdfast_listener_up{option="gateway"} 1.0' in metrics()
    envoy = holdfast.envoy
    os.kill(envoy, signal.SIGKILL)
    wait_until(lambda: not is_running(envoy))
    with take(address):
        wait_until(lambda: failing(holdfast) == ["listener gateway"], within=20)
        assert 'holdfast_listener_up{option="gateway"} 0.0' in metrics()
        assert 'holdfast_listener_up{option="sandbox"} 1.0' in metrics()
        assert diagnosis(holdfast) == (
            "failed",
            problem,
            "End the program that uses it. The gateway tries again every few seconds, without a restart.",
        )
        assert problem in overview()
    wait_until(lambda: not failing(holdfast), within=20)
    assert holdfast.call(f"{api.path}/menu").status_code == 200
    assert problem not in overview()
    told = [line for line in holdfast.log_lines() if line.get("listener") == "gateway"]
    assert [(line["event"], line.get("why")) for line in told] == [
        ("gateway can't listen, and tries again", problem),
        ("gateway listens again", None),
    ]


def test_a_start_is_ready_only_once_gateways_listen(tmp_path):
    envoy, go = tmp_path / "envoy", tmp_path / "go"
    envoy.write_text(f'#!/bin/sh\nwhile [ ! -e "{go}" ]; do sleep 0.05; done\nexec "{find_envoy()}" "$@"\n')
    envoy.chmod(0o700)
    slow = Holdfast(tmp_path, HOLDFAST_ENVOY=str(envoy))
    slow.begin()
    try:
        wait_until(lambda: failing(slow) == ["gateway"], START_WITHIN)
        with take(slow.gateway_url.removeprefix("http://")):
            go.touch()
            wait_until(lambda: failing(slow) == ["listener gateway"], within=30)
            assert slow.rest.get("/apis").status_code == 200
            assert "Ready: " not in slow.output.read_text()
        slow.wait_until_ready()
        assert failing(slow) == []
    finally:
        slow.__exit__()


def test_all_addresses_of_all_options_are_served(holdfast, api):
    urls = [f"{url}{api.path}/menu" for url in (holdfast.gateway_url, holdfast.sandbox_url)]
    for url in [*urls, f"{holdfast.publisher_url}/readyz"]:
        for host in (HOST, "[::1]", "localhost"):
            assert httpx.get(url.replace(HOST, host), trust_env=False).status_code == 200, url
    told = holdfast.rest.get("/settings").json()["environment"][0]["endpoints"]["http"]
    assert told.startswith("http://localhost:")
