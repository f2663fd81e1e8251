"""compose.yaml as real processes: it starts without a person, survives losses, and is upgraded without downtime."""

import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

from backends import Backend
from deploy.compose_processes import WITHIN, Composition
from issuing import issue
from postgresql import Database, shared_server
from postgresql_files import ADMIN, OWNER, programs
from running import REST, wait_until

pytestmark = [pytest.mark.envoy, pytest.mark.timeout(300)]
OWN = issue("127.0.0.1")
CONTROL_PLANES, GATEWAYS = ("control-plane-1", "control-plane-2"), ("gateway-1", "gateway-2")


@pytest.fixture(scope="module")
def composition(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Composition]:
    """Everything, started at once as `docker compose up` does."""
    with Composition(tmp_path_factory.mktemp("composition"), shared_server().create_database()) as composition:
        for name in (*GATEWAYS, *CONTROL_PLANES, "load-balancer"):
            composition.start(name)
        for name in (*CONTROL_PLANES, *GATEWAYS, "load-balancer"):
            composition.wait_until_healthy(name)
        yield composition


@pytest.fixture(scope="module")
def publisher(composition: Composition) -> Iterator[httpx2.Client]:
    """A client of the publisher, behind the load balancer."""
    tls = ssl.create_default_context(cafile=composition.secrets / "ca.pem")
    url = f"https://{composition.addresses['load-balancer']}:9443{REST}"
    with httpx2.Client(base_url=url, auth=composition.admin, verify=tls, trust_env=False, timeout=30) as client:
        yield client


@pytest.fixture(scope="module")
def caller(composition: Composition) -> Iterator[httpx2.Client]:
    """A client of the gateways, behind the load balancer, that claims another address."""
    url, claim = f"http://{composition.addresses['load-balancer']}:8280", {"X-Forwarded-For": "203.0.113.1"}
    with httpx2.Client(base_url=url, headers=claim, trust_env=False, timeout=30) as client:
        yield client


@pytest.fixture(scope="module")
def backend() -> Iterator[Backend]:
    with Backend(OWN) as backend:
        yield backend


@pytest.fixture(scope="module")
def path(publisher: httpx2.Client, backend: Backend) -> str:
    """The path of an API that is published through the load balancer."""
    endpoints = {"production_endpoints": {"url": backend.url()}}
    body = {"name": "Pizza", "context": "/pizza", "version": "1", "endpointConfig": endpoints}
    api = publisher.post("/apis", json=body).raise_for_status().json()["id"]
    publisher.post("/apis/change-lifecycle", params={"action": "Publish", "apiId": api}).raise_for_status()
    wait_until(lambda: names_of(publisher) == [*GATEWAYS], WITHIN)
    return "/pizza/1"


@pytest.fixture
def trusted_path(publisher: httpx2.Client, backend: Backend, path: str) -> str:
    """The path of the API, whose backend both gateways trust."""
    certificate = "/endpoint-certificates/pizza"
    if publisher.get(certificate).status_code == 404:
        data, files = {"alias": "pizza", "endpoint": backend.url()}, {"certificate": ("pizza.crt", OWN.pem)}
        publisher.post("/endpoint-certificates", data=data, files=files).raise_for_status()
    wait_until(lambda: publisher.get(certificate).json()["enforcement"]["enforcedOn"] == 2, WITHIN)
    return path


def names_of(publisher: httpx2.Client) -> list[str]:
    answer = publisher.get("/gateways")
    gateways = answer.json()["list"] if answer.status_code == 200 else []  # the load balancer may know no control plane
    return [gateway["name"] for gateway in gateways if gateway["connection"]["connectedSince"]]


def status_of(client: httpx2.Client, url: str) -> int:
    """Return the status of the response, 0 if there is none."""
    try:
        return client.get(url).status_code
    except httpx2.TransportError:
        return 0


@contextmanager
def no_failure(caller: httpx2.Client, publisher: httpx2.Client, path: str) -> Iterator[None]:
    """Call the API and read from the publisher all the time; each response must be 200."""
    failures: list[str] = []
    counts = [0, 0]
    end = threading.Event()

    def repeat(which: int) -> None:
        while not end.wait(0.1):
            try:
                answer = publisher.get("/apis") if which else caller.get(path)
                if answer.status_code != 200:
                    failures.append(f"{answer.status_code} {answer.text}")
            except httpx2.HTTPError as error:
                failures.append(repr(error))
            counts[which] += 1

    threads = [threading.Thread(target=repeat, args=(which,)) for which in range(2)]
    for thread in threads:
        thread.start()
    try:
        yield
        wait_until(lambda: min(counts) > 20, WITHIN)
    finally:
        end.set()
        for thread in threads:
            thread.join()
    assert failures == []


def test_gateways_join_without_a_person_and_callers_reach_backends_with_their_own_address(
    caller: httpx2.Client, trusted_path: str
):
    headers = {name.lower(): value for name, value in caller.get(trusted_path).json()["headers"].items()}
    assert headers["x-forwarded-for"].startswith("127.0.0.1")
    assert "203.0.113.1" not in headers["x-forwarded-for"]


def test_each_container_is_replaced_without_a_failed_request(
    composition: Composition, publisher: httpx2.Client, caller: httpx2.Client, trusted_path: str
):
    with no_failure(caller, publisher, trusted_path):
        for name in (*CONTROL_PLANES, "gateway-1"):
            composition.stop(name)
            composition.start(name)
            composition.wait_until_healthy(name)
            wait_until(lambda name=name: composition.is_balanced(name), WITHIN)
            wait_until(lambda: names_of(publisher) == [*GATEWAYS], WITHIN)


def run_tool(name: str, database: Database, *arguments: str) -> None:
    """Run a program of PostgreSQL as a superuser."""
    where = [f"--host={database.socket}", f"--port={database.port}", f"--username={ADMIN}"]
    result = subprocess.run([programs() / name, *where, *arguments], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


def test_a_restored_dump_brings_removed_trust_back_until_it_is_removed_again(
    composition: Composition, publisher: httpx2.Client, caller: httpx2.Client, trusted_path: str, tmp_path: Path
):
    database, dump = composition.database, str(tmp_path / "holdfast.dump")
    run_tool("pg_dump", database, "--format=custom", "--no-owner", f"--dbname={database.name}", f"--file={dump}")
    publisher.delete("/endpoint-certificates/pizza").raise_for_status()
    wait_until(lambda: caller.get(trusted_path).status_code == 503, WITHIN)

    # As in the page about backups; meanwhile, gateways don't serve more than before.
    for name in CONTROL_PLANES:
        composition.stop(name)
    run_tool("createdb", database, f"--owner={OWNER}", "--encoding=UTF8", "--template=template0", "restored")
    options = ("--no-owner", f"--role={OWNER}", "--single-transaction", "--exit-on-error", "--dbname=restored")
    run_tool("pg_restore", database, *options, dump)
    shared_server().execute(f"DROP DATABASE {database.name}")
    shared_server().execute(f"ALTER DATABASE restored RENAME TO {database.name}")
    assert caller.get(trusted_path).status_code == 503

    # Without a discovery port, no gateway connects to it.
    composition.start("control-plane-1", "HOLDFAST_DISCOVERY")
    composition.wait_until_healthy("control-plane-1")
    wait_until(lambda: publisher.get("/endpoint-certificates/pizza").status_code == 200, WITHIN)
    publisher.delete("/endpoint-certificates/pizza").raise_for_status()
    composition.stop("control-plane-1")
    for name in CONTROL_PLANES:
        composition.start(name)
    wait_until(lambda: names_of(publisher) == [*GATEWAYS], WITHIN)
    assert {caller.get(trusted_path).status_code for _ in range(10)} == {503}
    for name in CONTROL_PLANES:
        assert "settings differ" not in composition.log(name).read_text()


def test_the_loss_of_a_control_plane_and_a_gateway_leaves_everything_available(
    composition: Composition, publisher: httpx2.Client, caller: httpx2.Client, trusted_path: str
):
    for name in ("control-plane-1", "gateway-1"):
        composition.kill(name)
    # What was in flight may fail; a second later, the load balancer knows.
    for client, url in ((caller, trusted_path), (publisher, "/apis")):
        wait_until(lambda client=client, url=url: [status_of(client, url) for _ in range(5)] == [200] * 5, WITHIN)
    with no_failure(caller, publisher, trusted_path):
        wait_until(lambda: names_of(publisher) == ["gateway-2"], WITHIN)
        assert publisher.post("/apis", json={"name": "New", "context": "/new", "version": "1"}).status_code == 201
