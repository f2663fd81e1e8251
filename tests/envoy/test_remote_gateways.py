"""Gateways that `holdfast gateway join` runs, each with an Envoy and loopback address, and their publisher."""

import socket
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
from prometheus_client.parser import text_string_to_metric_families

from backends import V4, Backend
from granting import grant_until
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
        for gateway in several:
            wait_until(gateway.is_ready, STARTS_WITHIN)
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
        snapshot, report = connection["applied"], connection["report"]
        is_current = snapshot and snapshot["revision"] == connection["newestRevision"]
        return connection if is_current and report and report["envoyVersion"] else None

    for gateway in gateways:
        connection = wait_until(lambda gateway=gateway: describe(gateway), STARTS_WITHIN)
        assert (connection["behind"], connection["rejections"], connection["report"]["problems"]) == (0, 0, [])
        assert connection["address"].startswith("127.")
        assert connection["report"]["envoyVersion"].startswith("1.40")


def test_trust_is_enforced_by_every_gateway_and_outlives_publisher_and_power(
    holdfast: Holdfast, gateways: list[RemoteGateway]
):
    identity = issue(V4)
    with Backend(identity) as backend, Backend(identity) as other, Backend(identity) as third:
        trusted_api, distrusted_api = holdfast.publish_api(backend.url()), holdfast.publish_api(other.url())
        unverified_api = holdfast.publish_api(third.url())
        for gateway in gateways:
            wait_until(lambda gateway=gateway: gateway.status_of(distrusted_api) == 503, STARTS_WITHIN)
        holdfast.import_certificate(backend.url(), identity.pem)
        alias = holdfast.import_certificate(other.url(), identity.pem)
        # REST reported that every gateway enforces them.
        assert [gateway.status_of(api) for gateway in gateways for api in (trusted_api, distrusted_api)] == [200] * 4
        holdfast.delete_certificate(alias)
        for gateway in gateways:
            wait_until(lambda gateway=gateway: gateway.status_of(distrusted_api) == 503)

        first, second = gateways
        grant_until(lambda: first.status_of(unverified_api) == 200, holdfast, third.url(), timedelta(seconds=8))
        holdfast.stop()
        wait_until(lambda: first.status_of(unverified_api) == 503)
        first.kill()
        assert second.status_of(trusted_api) == 200
        first.run()
        wait_until(lambda: first.status_of(trusted_api) == 200, STARTS_WITHIN)
        assert [first.status_of(gateway) for gateway in (distrusted_api, unverified_api)] == [503, 503]
        holdfast.start()


def test_a_resource_that_one_of_three_gateways_rejects_is_explained_and_applied_once_it_can_be(
    holdfast: Holdfast, gateways: list[RemoteGateway]
):
    other, rejecting = gateways

    with Backend(None) as backend, holdfast.browser() as browser:
        browser.post("/sign-in", data={"name": "admin", "password": holdfast.admin_password})
        api = holdfast.publish_api(backend.url())
        for gateway in gateways:
            wait_until(lambda gateway=gateway: gateway.status_of(api) == 200, STARTS_WITHIN)
        rejecting.limit_expressions(1)
        members = {"operations": [{"verb": "GET", "target": "/menu"}], "onlyListedOperations": True}
        holdfast.rest.put(f"/apis/{api.id}", json=members).raise_for_status()
        state = wait_until(lambda: rejected_enforcement(holdfast, api), STARTS_WITHIN)
        assert (state["gateways"], state["enforcedOn"], state["waitingFor"]) == (3, 2, ["eu-2"])
        assert "regex" in state["reason"]
        (resource,) = connection_of(holdfast, "eu-2")["rejected"]
        assert (resource["type"], api.path.split("/")[1] in resource["name"]) == ("ScopedRouteConfiguration", True)
        assert resource["message"] in state["reason"]
        assert [connection_of(holdfast, name)["rejections"] for name in ("eu-1", "eu-2", "local")] == [0, 1, 0]
        page = browser.get("/gateways").text
        assert resource["name"] in page
        assert "<strong>1 resource is rejected.</strong> The previous version stays in force." in page
        # The others enforce it; this one keeps what it had.
        wait_until(lambda: holdfast.call(api.path).status_code == 404)
        assert [gateway.status_of(api) for gateway in (other, rejecting)] == [404, 200]

        # A new Envoy has the usual limit, and gets the rejected version again.
        subprocess.run([str(COMMAND), "gateway", "restart", f"--data={rejecting.data}"], check=True, timeout=180)
        wait_until(lambda: enforcement_of(holdfast, api)["progress"] == "enforced", STARTS_WITHIN)
        assert [gateway.status_of(api) for gateway in gateways] == [404, 404]
        wait_until(lambda: connection_of(holdfast, "eu-2")["rejections"] == 0)


def rejected_enforcement(holdfast: Holdfast, api: PublishedApi) -> dict[str, Any]:
    """Return the enforcement of an API once a gateway has rejected it and all others have it; until then, nothing."""
    state = enforcement_of(holdfast, api)
    return state if state["progress"] == "refused" and state["enforcedOn"] == state["gateways"] - 1 else {}


def enforcement_of(holdfast: Holdfast, api: PublishedApi) -> dict[str, Any]:
    """Return whether the gateways serve an API in its current state."""
    path, _, version = api.path.rpartition("/")
    answer = holdfast.rest.get("/gateways/enforcement", params={"context": path, "version": version})
    state: dict[str, Any] = answer.raise_for_status().json()["enforcement"]
    return state


def connection_of(holdfast: Holdfast, name: str) -> dict[str, Any]:
    """Return the connection of a gateway."""
    connection: dict[str, Any] = holdfast.rest.get(f"/gateways/{name}").raise_for_status().json()["connection"]
    return connection


def test_a_gateway_answers_health_checks_and_metrics(holdfast: Holdfast, gateways: list[RemoteGateway]):
    gateway, _ = gateways
    with (
        Backend(None) as backend,
        httpx2.Client(base_url=f"http://{gateway.monitoring}", trust_env=False, timeout=30) as client,
    ):
        wait_until(lambda: client.get("/readyz").json() == {"status": "ok"}, STARTS_WITHIN)
        assert client.get("/livez").json() == {"status": "ok"}
        api = holdfast.publish_api(backend.url())
        wait_until(lambda: gateway.status_of(api) == 200, STARTS_WITHIN)
        before = metrics_of(client)
        assert before["holdfast_gateway_ready"] == before["holdfast_gateway_envoy_up"] == 1
        assert before["holdfast_gateway_stale_seconds"] == 0
        for _ in range(3):
            gateway.status_of(api)
        requests = "holdfast_gateway_requests_total"
        wait_until(lambda: metrics_of(client)[requests] >= before[requests] + 3, STARTS_WITHIN)
        assert (client.post("/metrics").status_code, client.get("/config_dump").status_code) == (405, 404)
        assert (client.head("/readyz").status_code, client.head("/readyz").content) == (200, b"")

        holdfast.stop()
        try:
            # Callers are served, so it stays ready.
            wait_until(lambda: client.get("/readyz").json() == {"status": "ok", "degraded": ["control plane"]})
            assert client.get("/readyz").status_code == 200
            wait_until(lambda: metrics_of(client)["holdfast_gateway_stale_seconds"] > 0)
        finally:
            holdfast.start()


def metrics_of(client: httpx2.Client) -> dict[str, float]:
    """Return the metrics of a gateway, those with labels as their sum."""
    families = text_string_to_metric_families(client.get("/metrics").raise_for_status().text)
    values: Counter[str] = Counter()
    for sample in (sample for family in families for sample in family.samples):
        values[sample.name] += sample.value
    return dict(values)


@pytest.mark.parametrize("request_", [b"GET\r\n\r\n", b"\xff\xfe \r\n\r\n", b"GET / HTTP/1.1\r\nA: " + b"a" * 9000])
def test_malformed_requests_for_health_are_rejected(gateways: list[RemoteGateway], request_: bytes):
    host, _, port = gateways[0].monitoring.rpartition(":")
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        connection.sendall(request_)
        assert connection.recv(100).startswith(b"HTTP/1.1 400 ")


def test_connections_that_send_nothing_keep_no_one_from_asking_for_long(gateways: list[RemoteGateway]):
    host, _, port = gateways[0].monitoring.rpartition(":")
    with ExitStack() as stack:
        for _ in range(40):
            stack.enter_context(socket.create_connection((host, int(port)), timeout=20))

        def answers() -> bool:
            with suppress(httpx2.TransportError):
                return httpx2.get(f"http://{host}:{port}/livez", trust_env=False, timeout=30).is_success
            return False

        wait_until(answers)


def test_a_backend_is_tested_from_a_gateway_by_name_and_fails_at_one(holdfast: Holdfast, gateways: list[RemoteGateway]):
    identity = issue(V4)
    with Backend(identity) as backend:
        api = holdfast.publish_api(backend.url())
        for name in ("eu-1", "eu-2", "local"):
            wait_until(lambda name=name: probe(holdfast, backend, name)["verdict"]["answeredBy"] == "gateway")
            answer = probe(holdfast, backend, name)
            assert (answer["gateway"], answer["verdict"]["code"]) == (name, "self_signed_not_trusted")
            (certificate,) = answer["presented"]
            verdict = probe(holdfast, backend, name, identity.pem)["verdict"]
            assert (verdict["accepted"], verdict["fingerprint"]) == (True, certificate["fingerprint"])
        wait_until(lambda: gateways[0].status_of(api) == 503, STARTS_WITHIN)
        # The gateway that reported the failure then examines the backend.
        failure = wait_until(lambda: find_examined(holdfast, api, "eu-1"))
        assert failure["code"] == "self_signed_not_trusted"
        assert [member["fingerprint"] for member in failure["presented"]] == [certificate["fingerprint"]]


def probe(holdfast: Holdfast, backend: Backend, gateway: str, file: bytes | None = None) -> dict[str, Any]:
    """Test *backend* from *gateway*."""
    fields: dict[str, Any] = {"endpoint": (None, backend.url()), "gateway": (None, gateway)}
    if file:
        fields["certificate"] = ("certificate.pem", file)
    answer: dict[str, Any] = holdfast.rest.post("/endpoints/probe", files=fields).json()
    return {"verdict": {"answeredBy": ""}} | answer


def find_examined(holdfast: Holdfast, api: PublishedApi, gateway: str) -> dict[str, Any]:
    """Return the failure of *api* at *gateway* once its backend was tested; until then, nothing."""
    failures: list[dict[str, Any]] = holdfast.rest.get(f"/apis/{api.id}/failures").json()["list"]
    return next((failure for failure in failures if failure["gateway"] == gateway and failure["examinedTime"]), {})


def test_a_gateway_serves_and_receives_only_what_its_group_does(
    holdfast: Holdfast, gateways: list[RemoteGateway], tmp_path: Path
):
    default, _ = gateways
    without_effect = {"HOLDFAST_GATEWAY_PRODUCTION_TLS": "127.0.0.4:1"}
    asia = RemoteGateway(holdfast, tmp_path, "asia-1", "127.0.0.4", "Asia", environment=without_effect)
    identity = issue(V4)
    with Backend(identity) as backend, Backend(identity) as other:
        here, there = holdfast.publish_api(backend.url()), holdfast.publish_api(other.url())
        asia.join()
        try:
            deploy(holdfast, there, ["Asia"])
            wait_until(lambda: asia.status_of(there) == 503, STARTS_WITHIN)
            alias = holdfast.import_certificate(other.url(), identity.pem)
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
            # The group has no address for TLS.
            wait_until(lambda: "own address isn't used" in asia.log.read_text(), STARTS_WITHIN)
            assert '"listener": "production/tls"' in asia.log.read_text()
        finally:
            asia.stop()


def test_two_groups_serve_two_revisions_at_the_same_time(
    holdfast: Holdfast, gateways: list[RemoteGateway], tmp_path: Path
):
    default, _ = gateways
    africa = RemoteGateway(holdfast, tmp_path, "africa-1", "127.0.0.6", "Africa")
    identity = issue(V4)
    with Backend(identity) as one, Backend(identity) as two:
        api = holdfast.publish_api(one.url("/v1"))
        holdfast.import_certificate(one.url(), identity.pem)
        first = create_revision(holdfast, api)
        holdfast.change_endpoints(api, two.url("/v2"))
        holdfast.import_certificate(two.url(), identity.pem)
        second = create_revision(holdfast, api)
        africa.join()
        try:
            deploy_revision(holdfast, api, first, "Africa")
            deploy_revision(holdfast, api, second, "Default")
            for gateway, path in ((africa, "/v1"), (default, "/v2")):
                with gateway.caller() as client:
                    wait_until(lambda gateway=gateway: gateway.status_of(api) == 200, STARTS_WITHIN)
                    assert client.get(api.path).json()["path"] == path
        finally:
            africa.stop()


def create_revision(holdfast: Holdfast, api: PublishedApi) -> str:
    """Create a revision of an API; return its id."""
    revision = holdfast.rest.post(f"/apis/{api.id}/revisions", json={}).raise_for_status().json()
    return str(revision["id"])


def deploy_revision(holdfast: Holdfast, api: PublishedApi, revision: str, group: str) -> None:
    """Deploy a revision to a group."""
    path, params = f"/apis/{api.id}/deploy-revision", {"revisionId": revision}
    holdfast.rest.post(path, params=params, json=[{"name": group}]).raise_for_status()


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
    command = [str(COMMAND), "gateway", "status", f"--data={second.data}"]
    process = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (process.returncode, NOT_ACCEPTED in process.stdout) == (10, True), process
    assert f"Gateway {second.name} is ready.\n" in second.log.read_text()
    with Backend(None) as backend:
        api = holdfast.publish_api(backend.url())
        wait_until(lambda: first.status_of(api) == 200)
        assert second.status_of(api) == 404


def test_a_gateway_that_runs_keeps_its_directory_and_the_token(holdfast: Holdfast, gateways: list[RemoteGateway]):
    token = holdfast.rest.post("/gateways", json={"name": "eu-3"}).raise_for_status().json()["token"]
    command = [str(COMMAND), "gateway", "join", holdfast.publisher_url, token, f"--data={gateways[0].data}"]
    process = subprocess.run(command, env=holdfast.environment, capture_output=True, text=True, timeout=60, check=False)
    assert process.returncode == 1
    assert "is already running" in process.stderr
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
    process = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (process.returncode, message in process.stderr) == (code, True), process.stderr
