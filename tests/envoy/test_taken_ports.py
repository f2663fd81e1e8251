"""A gateway whose port is in use retries, reports it everywhere, and serves once the port is free."""

import json
import os
import signal
import socket
import ssl
import subprocess
from contextlib import ExitStack

import httpx2
import pytest

from backends import Backend
from holdfast.gateway.process.binary import find_envoy
from issuing import issue
from running import COMMAND, NO_TLS, START_WITHIN, Holdfast, is_running, wait_until, write_identity

pytestmark = pytest.mark.envoy
HOST = "127.0.0.1"
IDENTITY = issue(HOST)
TRUSTING = ssl.create_default_context(cadata=IDENTITY.pem.decode())


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
    """Return the components that `/readyz` reports as not ready, or that it doesn't answer."""
    try:
        answer = httpx2.get(f"{holdfast.publisher_url}/readyz", verify=NO_TLS, trust_env=False, timeout=30)
    except httpx2.TransportError:
        return ["no answer"]
    return answer.json().get("failing", [])


def diagnosis(holdfast):
    """Return the result of `doctor` for the gateway's first address: outcome, text, advice."""
    command = [str(COMMAND), "doctor", "--json", *holdfast.options()]
    process = subprocess.run(
        command, env=holdfast.environment, capture_output=True, text=True, timeout=180, check=False
    )
    check, _ = [entry for entry in json.loads(process.stdout)["list"] if entry["name"] == "gateway"]
    return check["outcome"], check["text"], check["advice"]


@pytest.fixture(scope="module")
def go(tmp_path_factory):
    """A file: while it isn't there, `Envoy` waits before it begins."""
    file = tmp_path_factory.mktemp("envoy") / "go"
    file.touch()
    return file


def waiting_envoy(go):
    """Make an Envoy that waits for the file *go*."""
    envoy = go.with_name("envoy")
    envoy.write_text(f'#!/bin/sh\nwhile [ ! -e "{go}" ]; do sleep 0.05; done\nexec "{find_envoy()}" "$@"\n')
    envoy.chmod(0o700)
    return str(envoy)


@pytest.fixture(scope="module")
def holdfast(tmp_path_factory, go):
    """A Holdfast that listens on 127.0.0.1, by name, and on ::1."""
    directory = tmp_path_factory.mktemp("holdfast")
    identity = write_identity(directory, IDENTITY)
    holdfast_ = Holdfast(directory, gateway_identity=identity, HOLDFAST_ENVOY=waiting_envoy(go))
    holdfast_.listen_by_name_and_on_ipv6()
    with holdfast_:
        yield holdfast_


@pytest.fixture(scope="module")
def api(holdfast):
    with Backend(None) as backend:
        yield holdfast.publish_api(backend.url(), backend.url())


def test_a_port_that_was_taken_for_a_moment_is_served_without_a_restart(holdfast, api, go):
    options = ("gateway", "sandbox", "gateway-tls", "sandbox-tls")
    addresses = [url.removeprefix("http://") for url in (holdfast.gateway_url, holdfast.sandbox_url)]
    addresses += [f"{HOST}:{holdfast.tls_address(sandbox=sandbox)[1]}" for sandbox in (False, True)]
    problems = [f"Can't listen on {address}: address already in use." for address in addresses]

    def metrics():
        return httpx2.get(
            f"{holdfast.publisher_url}/metrics", auth=holdfast.rest.auth, verify=NO_TLS, trust_env=False, timeout=30
        ).text

    def overview():
        with holdfast.browser() as page:
            page.post("/sign-in", data={"name": "admin", "password": holdfast.admin_password})
            return page.get(f"/apis/{api.id}").text.replace("&#39;", "'")

    assert 'holdfast_listener_up{option="gateway"} 1.0' in metrics()
    envoy = holdfast.envoy
    go.unlink()
    os.kill(envoy, signal.SIGKILL)
    wait_until(lambda: not is_running(envoy))
    with ExitStack() as stack:
        for address in addresses:
            stack.enter_context(take(address))
        go.touch()
        wait_until(lambda: failing(holdfast) == [f"listener {option}" for option in options])
        assert 'holdfast_listener_up{option="gateway"} 0.0' in metrics()
        assert diagnosis(holdfast) == (
            "failed",
            problems[0],
            "Stop the program that uses it. The gateway retries every few seconds; a restart isn't needed.",
        )
        page = overview()
        assert all(problem in page for problem in problems)
    wait_until(lambda: not failing(holdfast))
    for scheme, address in zip(("http", "http", "https", "https"), addresses, strict=True):
        url = f"{scheme}://{address}{api.path}/menu"
        assert httpx2.get(url, verify=TRUSTING, trust_env=False, timeout=30).status_code == 200, url
    assert "Can't listen" not in overview()
    for listener, why in zip(options, problems, strict=True):
        expected = [("gateway can't listen", why), ("gateway listens again", None)]
        wait_until(lambda listener=listener, expected=expected: told_about(holdfast, listener) == expected)


def told_about(holdfast, listener):
    """Return what was logged about a listener: events and reasons."""
    entries = [line for line in holdfast.log_lines() if line.get("listener") == listener]
    return [(line["event"], line.get("why")) for line in entries]


def test_a_start_is_ready_only_once_gateways_listen(tmp_path):
    go = tmp_path / "go"
    slow = Holdfast(tmp_path, HOLDFAST_ENVOY=waiting_envoy(go))
    slow.begin()
    try:
        wait_until(lambda: failing(slow) == ["gateway"], START_WITHIN)
        with take(slow.gateway_url.removeprefix("http://")):
            go.touch()
            wait_until(lambda: failing(slow) == ["listener gateway"])
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
            assert httpx2.get(url.replace(HOST, host), trust_env=False, timeout=30).status_code == 200, url
    endpoint = holdfast.rest.get("/settings").json()["environment"][0]["endpoints"]["http"]
    assert endpoint.startswith("http://localhost:")
