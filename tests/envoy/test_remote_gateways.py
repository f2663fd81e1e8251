"""Gateways that `holdfast gateway join` runs, each with an Envoy and loopback address, and their publisher."""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from backends import V4, Backend
from holdfast.gateway.remote.admission import NOT_ACCEPTED
from issuing import issue
from ports import free_addresses
from remote_gateways import STARTS_WITHIN, RemoteGateway
from running import COMMAND, Holdfast, PublishedApi, wait_until, write_identity

pytestmark = pytest.mark.envoy
OWN = issue("127.0.0.1")


@pytest.fixture(scope="module")
def holdfast(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Holdfast]:
    directory = tmp_path_factory.mktemp("publisher")
    (address,) = free_addresses(1)
    names = ("HOLDFAST_TLS_CERT", "HOLDFAST_TLS_KEY")
    files = dict(zip(names, map(str, write_identity(directory, OWN)), strict=True))
    with Holdfast(directory, ca=OWN.pem, HOLDFAST_DISCOVERY=address, **files) as running:
        yield running


@pytest.fixture(scope="module")
def gateways(holdfast: Holdfast, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[RemoteGateway]]:
    directory = tmp_path_factory.mktemp("gateways")
    several = [RemoteGateway(holdfast, directory, f"eu-{number}", f"127.0.0.{number + 1}") for number in (1, 2)]
    try:
        for gateway in several:
            gateway.join()
        yield several
    finally:
        for gateway in several:
            gateway.stop()


def test_the_publisher_knows_what_each_gateway_has_in_force_and_reports(
    holdfast: Holdfast, gateways: list[RemoteGateway]
):
    def describe(gateway: RemoteGateway) -> dict[str, Any] | None:
        """Return the connection of a gateway once it has applied everything and reported its Envoy."""
        connection = holdfast.rest.get(f"/gateways/{gateway.name}").json()["connection"]
        applied, report = connection["applied"], connection["report"]
        is_current = applied and applied["revision"] == connection["newestRevision"]
        return connection if is_current and report and report["envoyVersion"] else None

    for gateway in gateways:
        connection = wait_until(lambda gateway=gateway: describe(gateway), STARTS_WITHIN)
        assert (connection["behind"], connection["rejections"], connection["report"]["problems"]) == (0, 0, [])
        assert connection["address"].startswith("127.")
        assert connection["report"]["envoyVersion"].startswith("1.40")


def test_trust_is_enforced_by_every_gateway_and_outlives_publisher_and_power(
    holdfast: Holdfast, gateways: list[RemoteGateway]
):
    presented = issue(V4)
    with Backend(presented) as backend, Backend(presented) as other:
        trusted, distrusted = holdfast.publish_api(backend.url()), holdfast.publish_api(other.url())
        for gateway in gateways:
            wait_until(lambda gateway=gateway: gateway.status_of(distrusted) == 503, STARTS_WITHIN)
        holdfast.import_certificate(backend.url(), presented.pem)
        removed = holdfast.import_certificate(other.url(), presented.pem)
        # REST reported that every gateway enforces them.
        assert [gateway.status_of(api) for gateway in gateways for api in (trusted, distrusted)] == [200] * 4
        holdfast.delete_certificate(removed)
        for gateway in gateways:
            wait_until(lambda gateway=gateway: gateway.status_of(distrusted) == 503)

        first, second = gateways
        holdfast.stop()
        first.kill()
        assert second.status_of(trusted) == 200
        first.run()
        wait_until(lambda: first.status_of(trusted) == 200, STARTS_WITHIN)
        assert first.status_of(distrusted) == 503
        holdfast.start()


def test_a_backend_is_tested_from_a_gateway_by_name_and_fails_at_one(holdfast: Holdfast, gateways: list[RemoteGateway]):
    presented = issue(V4)
    with Backend(presented) as backend:
        api = holdfast.publish_api(backend.url())
        for name in ("eu-1", "eu-2", "local"):
            wait_until(lambda name=name: probe(holdfast, backend, name)["verdict"]["answeredBy"] == "gateway", 30)
            answer = probe(holdfast, backend, name)
            assert (answer["gateway"], answer["verdict"]["code"]) == (name, "self_signed_not_trusted")
            (certificate,) = answer["presented"]
            accepted = probe(holdfast, backend, name, presented.pem)["verdict"]
            assert (accepted["accepted"], accepted["fingerprint"]) == (True, certificate["fingerprint"])
        wait_until(lambda: gateways[0].status_of(api) == 503, STARTS_WITHIN)
        # The gateway that reported the failure then examines the backend.
        failure = wait_until(lambda: examined(holdfast, api, "eu-1"), 30)
        assert failure["code"] == "self_signed_not_trusted"
        assert [each["fingerprint"] for each in failure["presented"]] == [certificate["fingerprint"]]


def probe(holdfast: Holdfast, backend: Backend, gateway: str, file: bytes | None = None) -> dict[str, Any]:
    """Test *backend* from *gateway*."""
    fields: dict[str, Any] = {"endpoint": (None, backend.url()), "gateway": (None, gateway)}
    if file:
        fields["certificate"] = ("certificate.pem", file)
    answer: dict[str, Any] = holdfast.rest.post("/endpoints/probe", files=fields).json()
    return {"verdict": {"answeredBy": ""}} | answer


def examined(holdfast: Holdfast, api: PublishedApi, gateway: str) -> dict[str, Any]:
    """Return the failure of *api* at *gateway* once its backend was tested; until then, nothing."""
    failures: list[dict[str, Any]] = holdfast.rest.get(f"/apis/{api.id}/failures").json()["list"]
    return next((each for each in failures if each["gateway"] == gateway and each["examinedTime"]), {})


def test_a_gateway_serves_and_receives_only_what_its_group_does(
    holdfast: Holdfast, gateways: list[RemoteGateway], tmp_path: Path
):
    default, _ = gateways
    asia = RemoteGateway(holdfast, tmp_path, "asia-1", "127.0.0.4", "Asia")
    presented = issue(V4)
    with Backend(presented) as backend, Backend(presented) as other:
        here, there = holdfast.publish_api(backend.url()), holdfast.publish_api(other.url())
        asia.join()
        try:
            deploy(holdfast, there, ["Asia"])
            wait_until(lambda: asia.status_of(there) == 503, STARTS_WITHIN)
            alias = holdfast.import_certificate(other.url(), presented.pem)
            # REST reported that the gateways of Asia enforce it.
            assert [asia.status_of(there), asia.status_of(here)] == [200, 404]
            wait_until(lambda: default.status_of(there) == 404)
            assert default.status_of(here) == 503
            assert here.id not in asia.configuration
            assert there.id in asia.configuration
            deploy(holdfast, there, ["Default", "Asia"])
            for gateway in (default, asia):
                wait_until(lambda gateway=gateway: gateway.status_of(there) == 200)
            wait_until(lambda: progress_of(holdfast, alias) == ("enforced", 4, 4), STARTS_WITHIN)  # all are connected
        finally:
            asia.stop()


def progress_of(holdfast: Holdfast, alias: str) -> tuple[str, int, int]:
    """Return whether a certificate is enforced, the number of gateways, and on how many it is."""
    progress = holdfast.rest.get(f"/endpoint-certificates/{alias}").json()["enforcement"]
    return progress["progress"], progress["gateways"], progress["enforcedOn"]


def deploy(holdfast: Holdfast, api: PublishedApi, groups: list[str]) -> None:
    """Deploy an API to groups."""
    holdfast.rest.put(f"/apis/{api.id}", json={"gatewayEnvironments": groups}).raise_for_status()


def test_a_revoked_gateway_says_why_and_follows_no_changes(holdfast: Holdfast, gateways: list[RemoteGateway]):
    first, second = gateways
    holdfast.rest.delete(f"/gateways/{second.name}").raise_for_status()
    wait_until(lambda: NOT_ACCEPTED in second.reasons, STARTS_WITHIN)
    with Backend(None) as backend:
        api = holdfast.publish_api(backend.url())
        wait_until(lambda: first.status_of(api) == 200)
        assert second.status_of(api) == 404


def test_a_gateway_that_runs_keeps_its_directory_and_the_token(holdfast: Holdfast, gateways: list[RemoteGateway]):
    token = holdfast.rest.post("/gateways", json={"name": "eu-3"}).raise_for_status().json()["token"]
    command = [str(COMMAND), "gateway", "join", holdfast.publisher_url, token, f"--data={gateways[0].data}"]
    refused = subprocess.run(command, env=holdfast.environment, capture_output=True, text=True, timeout=60, check=False)
    assert refused.returncode == 1
    assert "is already running" in refused.stderr
    assert holdfast.rest.get("/gateways/eu-3").json()["state"] == "WAITING"


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (
            ["join", "https://127.0.0.1:1", "hfg_short"],
            2,
            "This isn't a join token. It starts with hfg_ and must be complete.",
        ),
        (["join", "http://192.0.2.1", "hfg_" + "A" * 43], 1, "http://192.0.2.1 isn't encrypted"),
        (["join", "https://127.0.0.1:1", "hfg_" + "A" * 43, "--production=1"], 2, "--production: '1' is not HOST:PORT"),
        (["run", "--control-plane=127.0.0.1:1"], 1, "it hasn't joined a publisher on another machine"),
    ],
)
def test_wrong_arguments_are_explained(tmp_path: Path, arguments: list[str], code: int, message: str):
    command = [str(COMMAND), "gateway", *arguments, f"--data={tmp_path / 'data'}"]
    refused = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (refused.returncode, message in refused.stderr) == (code, True), refused.stderr
