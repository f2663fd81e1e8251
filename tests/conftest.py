"""Shared fixtures: a clock, a database on disk, a control plane, and clients of it."""

import gc
import logging
import os
import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import anyio.from_thread
import grpc.aio
import hypothesis
import pytest
import structlog
from starlette.testclient import TestClient
from starlette.types import ASGIApp

from cheap_databases import make_commits_cheap, make_statements_cheap
from cheap_passwords import CHEAP, make_passwords_cheap
from databases import Databases, PostgresqlDatabases, SqliteDatabases, Storage
from files_in_memory import keep_files_in_memory
from holdfast.apis.gateways.control_plane import ControlPlane
from holdfast.gateway.control.service import Control
from holdfast.gateway.discovery.groups import Groups
from holdfast.gateway.peer import Peer
from holdfast.server.clock import utc_now
from holdfast.services.access.accounts import SESSION_COOKIE, Accounts
from holdfast.services.access.permissions import Role
from holdfast.services.access.principal import Principal
from holdfast.services.control_planes.presence import Presence
from holdfast.services.failures.failures import Failures
from holdfast.services.probing.probes import Probes
from holdfast.services.publishing.enforcement import Enforcements
from holdfast.services.runtime import Runtime
from holdfast.store.access import accounts
from holdfast.store.access.accounts import User
from holdfast.store.database import Store
from holdfast.store.location import Location
from holdfast.store.sealing import Sealing

# Where bytecode isn't kept, each process that the tests start spends half of its time compiling the same modules.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
# gRPC shuts down its poller with its last object, and starts it again with the next; that blocked once for minutes.
grpc.aio.init_grpc_aio()
# Modules and tests that are loaded stay: collecting garbage while they load finds nothing.
gc.disable()
# pytest-xdist sets these; a command whose output goes to a pipe must not wrap its lines.
for name in ("COLUMNS", "LINES"):
    os.environ.pop(name, None)
# A database waits for the disk at each commit, thousands of times; in memory, it doesn't.
keep_files_in_memory()
# How fast an example runs says more about the machine than about us.
hypothesis.settings.register_profile("calm", deadline=None)
hypothesis.settings.load_profile("calm")
# What went wrong is enough, in plain words: pictures of it take a tenth of a second each.
structlog.configure(
    processors=[structlog.processors.format_exc_info, structlog.processors.KeyValueRenderer()],
    wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR),
)
PASSWORD = "crisp-thin-päsword"
make_passwords_cheap()
make_commits_cheap()
make_statements_cheap()
SEALING = Sealing(lambda: (bytes(32),))
GATEWAYS = {"production": "http://127.0.0.1:8280", "sandbox": "http://127.0.0.1:8281"}
TLS_GATEWAYS = {"production": "https://127.0.0.1:8243", "sandbox": "https://127.0.0.1:8244"}


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option for the kind of database."""
    parser.addoption("--database", choices=("sqlite", "postgresql"), default="sqlite", help="what tests store rows in")


def pytest_xdist_auto_num_workers() -> int:
    """One more than there are CPUs: for a quarter of the time, tests wait. With two more, they took longer."""
    return (os.cpu_count() or 1) + 1


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """
    With PostgreSQL, run the tests that use a database; the others would only repeat themselves.

    Run the quick tests first, and last those in the browser: Playwright keeps the event loop of this thread.

    Among each of these, what takes long comes first, so that in the end no process waits for another.
    """
    if config.getoption("database") == "postgresql":
        others = [item for item in items if not _runs_on_postgresql(item)]
        items[:] = [item for item in items if _runs_on_postgresql(item)]
        config.hook.pytest_deselected(items=others)
    items.sort(
        key=lambda item: (
            2 if "/browser/" in str(item.path) else bool(item.get_closest_marker("envoy")),
            not item.get_closest_marker("long"),
        )
    )


def _runs_on_postgresql(item: pytest.Item) -> bool:
    return "databases" in getattr(item, "fixturenames", ()) and not item.get_closest_marker("sqlite")


def pytest_collection_finish() -> None:
    """Collect garbage again, except among the loaded modules and tests."""
    gc.collect()
    gc.freeze()
    gc.enable()


class Clock:
    """A clock that stands still until the test advances it."""

    def __init__(self) -> None:
        self.time = datetime.now(UTC)

    def __call__(self) -> datetime:
        return self.time

    def advance(self, **by: float) -> datetime:
        """Advance by the given days, hours, minutes or seconds."""
        self.time += timedelta(**by)
        return self.time


@pytest.fixture
def warnings() -> Iterator[None]:
    """Log warnings, too, as Holdfast does."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    yield
    structlog.configure(**before)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="session")
def databases(pytestconfig: pytest.Config) -> Iterator[Databases]:
    """The source of all databases."""
    if pytestconfig.getoption("database") == "sqlite":
        yield SqliteDatabases()
        return
    with closing(PostgresqlDatabases()) as databases:
        yield databases


@pytest.fixture(scope="session")
def server_environment(databases: Databases) -> dict[str, str]:
    """The environment variables of a Holdfast that tests start once."""
    return databases.environment()


@pytest.fixture
def storage(databases: Databases, tmp_path: Path) -> Iterator[Storage]:
    """The database of *store*."""
    with databases.empty(tmp_path) as storage:
        yield storage


@pytest.fixture
def database(storage: Storage) -> Location:
    """The location of *store*, with SQLite the path of its file."""
    return storage.location


@pytest.fixture
def store(database: Location) -> Iterator[Store]:
    opened = Store(database, utc_now())
    yield opened
    opened.close()


def enter(store: Store, organization: str, name: str) -> Principal:
    """Create an organization, and return one of its users."""
    with store.write() as session:
        accounts.insert_organization(session, organization, datetime.now(UTC))
    return Principal(organization, name)


@pytest.fixture
def anna(store: Store) -> Principal:
    return enter(store, "default", "anna")


@pytest.fixture
def otto(store: Store) -> Principal:
    """A user of another organization."""
    return enter(store, "other", "otto")


def presence_of(store: Store) -> Presence:
    """Return the presence of the only control plane of a database."""
    now = datetime.now(UTC)
    return Presence(store, ControlPlane(str(uuid.uuid4()), "cp-1", "1", now, now), "", shared=False)


def run(store: Store, now: Callable[[], datetime]) -> Runtime:
    """Build a control plane that no gateway has connected to."""
    groups = Groups()
    enforcements, failures = Enforcements(groups, now), Failures(groups.tell_observers, now)
    probes = Probes(Control(lambda _: Peer("local"), now), "local", now=now)
    accounts_of = Accounts(store, SEALING)
    every_address = ("0.0.0.0", 9443)  # noqa: S104 - nothing listens
    return Runtime(
        store,
        accounts_of,
        enforcements,
        failures,
        groups,
        probes,
        SEALING,
        GATEWAYS,
        TLS_GATEWAYS,
        now,
        presence_of(store),
        discovery=every_address,
    )


@pytest.fixture
def runtime(store: Store, clock: Clock) -> Runtime:
    """A separate control plane; most tests use the shared one."""
    return run(store, clock)


@pytest.fixture(scope="session")
def shared_storage(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Storage]:
    """The database of *shared_runtime*."""
    with databases.empty(tmp_path_factory.mktemp("shared")) as storage:
        yield storage


@pytest.fixture(scope="session")
def shared_runtime(shared_storage: Storage) -> Iterator[Runtime]:
    store = Store(shared_storage.location, utc_now())
    yield run(store, lambda: datetime.now(UTC))
    store.close()


@pytest.fixture(scope="session")
def save(shared_storage: Storage, tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Callable[[], None]]:
    """Copy the database of *shared_runtime*; the returned function restores it, faster than a new organization."""
    return partial(shared_storage.save, tmp_path_factory.mktemp("saved"))


@pytest.fixture(scope="session")
def connect() -> Iterator[Callable[..., TestClient]]:
    """Create clients of a control plane; they share one event loop."""
    from holdfast.server.asgi import create_asgi

    apps: dict[int, ASGIApp] = {}
    with anyio.from_thread.start_blocking_portal() as portal:

        def make(runtime: Runtime, *, requests_per_second: float = 0.0, **options: object) -> TestClient:
            if id(runtime) not in apps:
                apps[id(runtime)] = create_asgi(runtime, requests_per_second)
            client = TestClient(apps[id(runtime)], "http://127.0.0.1:9080", follow_redirects=False, **options)
            client.portal = portal
            return client

        yield make


@pytest.fixture
def password() -> str:
    """The password of test users."""
    return PASSWORD


@pytest.fixture(scope="session")
def enlist(shared_runtime: Runtime) -> Callable[..., User]:
    """Create a user, and the organization if it is missing."""

    def enlist(organization: str, name: str, *roles: Role) -> User:
        user = User(str(uuid.uuid4()), organization, name, CHEAP.hash(PASSWORD), frozenset(roles))
        with shared_runtime.store.write() as session:
            if organization not in accounts.list_organizations(session):
                accounts.insert_organization(session, organization, datetime.now(UTC))
            accounts.insert_user(session, user, datetime.now(UTC))
        return user

    return enlist


@pytest.fixture(scope="session")
def join(enlist: Callable[..., User]) -> Callable[[str], User]:
    """Create an admin in a new organization, so that tests can share one control plane."""

    def join(name: str) -> User:
        organization = str(uuid.uuid4())
        return enlist(organization, f"{name} of {organization}", Role.ADMIN)

    return join


@pytest.fixture
def berta(join: Callable[[str], User]) -> User:
    return join("berta")


@pytest.fixture(scope="session")
def sign_in(shared_runtime: Runtime, connect: Callable[..., TestClient]) -> Callable[[User], TestClient]:
    """Return a client that a user has signed in with."""

    def sign_in(user: User) -> TestClient:
        client = connect(shared_runtime, client=(user.organization, 50000))  # nobody else fails there
        client.cookies.set(SESSION_COOKIE, shared_runtime.accounts.start_session(user, shared_runtime.now()))
        return client

    return sign_in


@pytest.fixture
def client(sign_in: Callable[[User], TestClient], berta: User) -> TestClient:
    """A client that berta has signed in with."""
    return sign_in(berta)


@pytest.fixture
def stranger(sign_in: Callable[[User], TestClient], join: Callable[[str], User]) -> TestClient:
    """A client of a user of another organization."""
    return sign_in(join("carl"))
