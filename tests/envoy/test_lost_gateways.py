"""A gateway that its control plane loses and finds again, under traffic, while trust changes."""

import os
import signal
from collections.abc import Iterator

import pytest

from backends import V4, Backend
from issuing import issue
from load import Load
from ports import free_addresses
from remote_gateways import STARTS_WITHIN, RemoteGateway
from running import Holdfast, wait_until, write_identity
from wires import Wire

pytestmark = [pytest.mark.envoy, pytest.mark.long]
OWN, IDENTITY = issue("127.0.0.1"), issue(V4)
NOTICED_WITHIN = 60.0  # seconds; keepalive needs ten


@pytest.fixture(scope="module")
def discovery() -> tuple[str, int]:
    """The address for gateways."""
    host, _, port = free_addresses(1)[0].partition(":")
    return host, int(port)


@pytest.fixture(scope="module")
def wire(discovery: tuple[str, int]) -> Iterator[Wire]:
    with Wire(discovery) as wire:
        yield wire


@pytest.fixture(scope="module")
def holdfast(discovery: tuple[str, int], wire: Wire, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Holdfast]:
    """A publisher that gateways reach only through the wire."""
    directory = tmp_path_factory.mktemp("publisher")
    names = ("HOLDFAST_TLS_CERT", "HOLDFAST_TLS_KEY")
    files = dict(zip(names, map(str, write_identity(directory, OWN)), strict=True))
    addresses = {"HOLDFAST_DISCOVERY": "{}:{}".format(*discovery), "HOLDFAST_ADVERTISE": wire.address}
    with Holdfast(directory, ca=OWN.pem, **addresses, **files) as running:
        yield running


@pytest.fixture(scope="module")
def gateway(holdfast: Holdfast, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RemoteGateway]:
    gateway = RemoteGateway(holdfast, tmp_path_factory.mktemp("gateway"), "eu-9", "127.0.0.9")
    gateway.join()
    wait_until(lambda: is_connected(holdfast), STARTS_WITHIN)
    try:
        yield gateway
    finally:
        gateway.stop()


def is_connected(holdfast: Holdfast) -> bool:
    return holdfast.rest.get("/gateways/eu-9").json()["connection"]["connectedSince"] is not None


def absent(holdfast: Holdfast, endpoint: str) -> list[str]:
    """The gateways that are named as not connected where the trust of *endpoint* is enforced."""
    answer = holdfast.rest.get("/endpoints/trust-settings", params={"endpoint": endpoint}).json()["enforcement"]
    return answer["disconnected"] if answer["progress"] == "enforced" else []


def is_enforced_on(holdfast: Holdfast, endpoint: str, gateways: int) -> bool:
    answer = holdfast.rest.get("/endpoints/trust-settings", params={"endpoint": endpoint}).json()["enforcement"]
    return (answer["progress"], answer["enforcedOn"], answer["disconnected"]) == ("enforced", gateways, [])


@pytest.mark.parametrize("way", ["the connection is lost", "the agent is stopped"])
def test_a_gateway_that_was_away_is_named_and_gets_only_the_difference(
    holdfast: Holdfast, wire: Wire, gateway: RemoteGateway, way: str
):
    with Backend(IDENTITY) as stable_backend, Backend(IDENTITY) as backend:
        stable = holdfast.publish_trusted_api(stable_backend.url(), IDENTITY.pem)
        api = holdfast.publish_api(backend.url())
        alias = holdfast.import_certificate(backend.url(), IDENTITY.pem)
        wait_until(lambda: gateway.status_of(api) == 200)
        everything = wire.received
        with Load(gateway, stable.path) as load:
            if way == "the agent is stopped":
                os.kill(gateway.agent, signal.SIGSTOP)
            else:
                wire.cut()
            wait_until(lambda: not is_connected(holdfast), NOTICED_WITHIN)
            holdfast.delete_certificate(alias)
            wait_until(lambda: absent(holdfast, backend.url()) == ["eu-9"])
            assert not holdfast.call(api.path).is_success
            assert gateway.status_of(api) == 200  # nobody said that it was enforced there
            before = wire.received
            os.kill(gateway.agent, signal.SIGCONT)
            wire.mend()
            wait_until(lambda: is_enforced_on(holdfast, backend.url(), 2), NOTICED_WITHIN)
            difference = wire.received - before
            assert gateway.status_of(api) == 503  # from now on, the publisher also asks it why
            load.go_on()
        assert difference < everything / 10
        assert set(load.answers) == {"200"}


def test_no_request_fails_if_a_deployment_and_a_restart_of_the_publisher_happen_while_a_gateway_is_away(
    holdfast: Holdfast, wire: Wire, gateway: RemoteGateway
):
    """The new publisher has never known the clusters of what was deployed before."""
    with Backend(IDENTITY) as backend:
        api = holdfast.publish_trusted_api(backend.url("/revision"), IDENTITY.pem)
        revision = holdfast.rest.post(f"/apis/{api.id}/revisions", json={}).raise_for_status().json()["id"]
        holdfast.change_endpoints(api, backend.url("/working-copy"))
        wait_until(lambda: gateway.status_of(api) == 200 and "/working-copy" in backend.paths)
        with Load(gateway, api.path) as load:
            wire.cut()
            path = f"/apis/{api.id}/deploy-revision"
            holdfast.rest.post(path, params={"revisionId": revision}, json=[{"name": "Default"}]).raise_for_status()
            holdfast.kill_publisher()
            holdfast.start()
            backend.paths.clear()
            wire.mend()
            wait_until(lambda: "/revision" in backend.paths, NOTICED_WITHIN)
            load.go_on()
        assert set(load.answers) == {"200"}, load.answers
