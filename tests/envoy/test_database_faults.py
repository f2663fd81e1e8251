"""
A PostgreSQL server that is killed, restarted, slow, full or otherwise unusable, under traffic and uploads.

Callers notice nothing, the publisher says what is wrong, nothing acknowledged is lost, and everything recovers.
"""

import itertools
import shutil
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest

from backends import Backend
from holdfast.store.errors import (
    StoreBusy,
    StoreFull,
    StoreServerReadOnly,
    StoreSlow,
    StoreUncertain,
    StoreUnreachable,
)
from issuing import issue
from load import Load
from postgresql import Database, PostgresServer
from postgresql_files import give_to_server
from rotating import SOON, Rotation
from running import Holdfast, PublishedApi, wait_until
from wires import Wire

pytestmark = [pytest.mark.envoy, pytest.mark.long]
IDENTITY = issue("127.0.0.1")
BUSY = str(StoreBusy())
UNREACHABLE = {StoreUnreachable.public, StoreUncertain.public, StoreSlow.public, BUSY}
UNREADABLE = {text.replace(", so nothing was saved", "") for text in UNREACHABLE}  # the answers to reads
_numbers = itertools.count()
REFUSED_WITHIN = 60.0  # seconds until a request is answered while the database doesn't answer


@dataclass(frozen=True, slots=True)
class Place:
    """A server, the database there, and the network between them and Holdfast."""

    server: PostgresServer
    database: Database
    wire: Wire


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with PostgresServer(max_connections="30", superuser_reserved_connections="3") as server:
        yield server


@pytest.fixture(scope="module")
def disk(server: PostgresServer) -> Iterator[Path | None]:
    """A small disk; None: this user can't mount one."""
    path = server.address.socket / "disk"
    path.mkdir()
    mount = [shutil.which("mount") or "mount", "-t", "tmpfs", "-o", "size=32m", "tmpfs", str(path)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        yield None
        return
    try:
        give_to_server(path)
        yield path
    finally:
        server.kill()
        subprocess.run([shutil.which("umount") or "umount", str(path)], check=True)


@pytest.fixture(scope="module")
def database(server: PostgresServer, disk: Path | None) -> Database:
    database = server.create_database()
    if disk:
        server.execute(f"CREATE TABLESPACE small LOCATION '{disk}'")
        server.execute(f"ALTER DATABASE {database.name} SET TABLESPACE small")
    return database


@pytest.fixture(scope="module")
def wire(database: Database) -> Iterator[Wire]:
    with Wire(("127.0.0.1", database.port)) as wire:
        yield wire


@pytest.fixture(scope="module")
def own(database: Database, wire: Wire, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Holdfast]:
    url = database.tcp_url.replace(f"127.0.0.1:{database.port}", wire.address)
    environment = {"HOLDFAST_DATABASE": url, "HOLDFAST_DATABASE_PASSWORD": database.password}
    with Holdfast(tmp_path_factory.mktemp("own"), **environment) as holdfast:
        yield holdfast


@pytest.fixture(scope="module")
def place(server: PostgresServer, database: Database, wire: Wire) -> Place:
    return Place(server, database, wire)


@pytest.fixture(scope="module")
def api(own: Holdfast) -> Iterator[PublishedApi]:
    with Backend(IDENTITY) as backend:
        yield own.publish_trusted_api(backend.url(), IDENTITY.pem)


def refusal_of(own: Holdfast, method: str = "GET", path: str = "/apis", **more: object) -> str:
    """Return why a request is rejected; empty: it isn't."""
    answer = own.rest.request(method, path, timeout=REFUSED_WITHIN, **more)
    if answer.is_success:
        return ""
    assert answer.status_code in {503, 507}, answer.text
    return str(answer.json()["description"])


def check(own: Holdfast, name: str) -> httpx2.Response:
    """Return the answer to a health check of the publisher."""
    return httpx2.get(f"{own.publisher_url}/{name}", trust_env=False, timeout=REFUSED_WITHIN)


def lacks_database(readiness: httpx2.Response) -> bool:
    failing = readiness.json().get("failing", [])
    return "database" in failing and readiness.status_code == 503


def write(own: Holdfast) -> str:
    """Return why a change is rejected; empty: it isn't."""
    name = f"w{next(_numbers)}"
    return refusal_of(own, "POST", "/apis", json={"name": name, "context": f"/{name}", "version": "1"})


def assert_nothing_was_lost(own: Holdfast, rotation: Rotation) -> None:
    """Check that each rejected upload has a sentence, and that what was acknowledged is stored and enforced."""
    assert {text.partition(" ")[2] for text in rotation.refusals} <= UNREACHABLE
    wait_until(rotation.is_kept, within=SOON)
    body = own.rest.get("/endpoint-certificates", params={"endpoint": rotation.endpoint, "limit": 100}).json()
    assert {entry["alias"] for entry in body["certificates"]} - rotation.uncertain == {rotation.last}


@contextmanager
def kill(place: Place) -> Iterator[None]:
    place.server.kill()
    try:
        yield
    finally:
        place.server.start()


@contextmanager
def stop(place: Place) -> Iterator[None]:
    place.server.stop()
    try:
        yield
    finally:
        place.server.start()


@contextmanager
def cut_off(place: Place) -> Iterator[None]:
    place.wire.cut()
    try:
        yield
    finally:
        place.wire.mend()


@contextmanager
def crowd(place: Place) -> Iterator[None]:
    """Let the server accept no connection, and close those that there are."""
    name = place.database.name
    place.server.execute(f"ALTER DATABASE {name} CONNECTION LIMIT 0")
    place.server.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
    try:
        yield
    finally:
        place.server.execute(f"ALTER DATABASE {name} CONNECTION LIMIT -1")


FAULTS = {"killed": kill, "stopped": stop, "cut off": cut_off, "out of connections": crowd}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
def test_without_the_database_gateways_serve_and_the_publisher_says_why_it_does_not(
    own: Holdfast, api: PublishedApi, place: Place, fault: Callable[[Place], AbstractContextManager[None]]
):
    with Backend(IDENTITY) as backend:
        new_api = own.publish_api(backend.url())
        with Load(own, api.path) as load, Rotation(own, backend.url()) as rotation:
            with fault(place):
                assert wait_until(lambda: refusal_of(own), within=SOON) in UNREADABLE
                wait_until(lambda: lacks_database(check(own, "readyz")), within=SOON)
                assert check(own, "livez").status_code == 200
                load.go_on()
            rotation.go_on()
            load.go_on()
        assert set(load.answers) == {"200"}
        assert_nothing_was_lost(own, rotation)
        assert new_api.path
        wait_until(lambda: check(own, "readyz").status_code == 200, within=SOON)


def test_a_server_that_became_read_only_can_still_be_read(own: Holdfast, api: PublishedApi, server: PostgresServer):
    with Load(own, api.path) as load:
        server.execute("ALTER SYSTEM SET default_transaction_read_only = on")
        server.execute("SELECT pg_reload_conf()")
        assert wait_until(lambda: write(own), within=SOON) == StoreServerReadOnly.public
        assert refusal_of(own) == ""
        server.execute("ALTER SYSTEM RESET default_transaction_read_only")
        server.execute("SELECT pg_reload_conf()")
        wait_until(lambda: not write(own), within=SOON)
    assert set(load.answers) == {"200"}


def test_a_full_disk_of_the_server_is_reported_until_there_is_space(
    own: Holdfast, api: PublishedApi, disk: Path | None
):
    if disk is None:
        pytest.skip("only root can mount a small disk")
    ballast = disk / "ballast"
    with Load(own, api.path) as load:
        with suppress(OSError), ballast.open("wb") as file:
            while True:
                file.write(bytes(65536))
        try:
            refusals = (write(own) for _ in range(2_000))
            assert next(filter(None, refusals)) == StoreFull.public
            assert refusal_of(own) == ""
        finally:
            ballast.unlink()
        wait_until(lambda: not write(own), within=SOON)
    assert set(load.answers) == {"200"}


def test_a_server_that_takes_half_a_second_for_each_statement_slows_down_only_the_publisher(
    own: Holdfast, api: PublishedApi, wire: Wire
):
    with Backend(IDENTITY) as backend, own.browser() as browser, ThreadPoolExecutor() as threads:
        browser.post("/sign-in", data={"name": "admin", "password": own.admin_password})
        new_api, where = own.publish_api(backend.url()), {"endpoint": backend.url()}
        form, files = where | {"alias": "slow"}, {"certificate": ("certificate.pem", IDENTITY.pem)}
        with Load(own, api.path) as load:
            wire.delay = 0.5
            try:
                uploading = threads.submit(refusal_of, own, "POST", "/endpoint-certificates", data=form, files=files)
                opening = threads.submit(browser.get, f"/apis/{new_api.id}", timeout=REFUSED_WITHIN)
                assert refusal_of(own) in {"", *UNREADABLE}
                page, refusal = opening.result().text, uploading.result()
                load.go_on()
            finally:
                wire.delay = 0.0
        assert set(load.answers) == {"200"}
        assert new_api.name in page or any(text in page for text in UNREADABLE)
        assert refusal in {"", *UNREACHABLE} - {StoreUncertain.public}
        entries = own.rest.get("/endpoint-certificates", params=where).json()["certificates"]
        assert [entry["alias"] for entry in entries] == ([] if refusal else ["slow"])
        if entries:
            own.wait_until_enforced("slow")
            assert own.call(new_api.path).status_code == 200
