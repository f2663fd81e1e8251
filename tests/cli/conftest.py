"""One Holdfast for all tests, empty at the start of each, and commands of several users."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.commanding import Command
from ports import free_addresses
from running import Holdfast


@pytest.fixture(autouse=True)
def _nobody_elses_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("HOLDFAST_")]:
        monkeypatch.delenv(name)


@pytest.fixture(autouse=True)
def _ctrl_c_is_not_ignored() -> Iterator[None]:
    """Make Ctrl-C reach commands even if a shell runs the tests in the background, where SIGINT is ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # children inherit ignored signals
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="session")
def running_holdfast(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Holdfast]:
    # Propose retiring unused certificates after a moment instead of a day.
    (discovery,) = free_addresses(1)
    directory = tmp_path_factory.mktemp("holdfast")
    with Holdfast(directory, HOLDFAST_RETIRE_AFTER="0.05", HOLDFAST_DISCOVERY=discovery) as running:
        yield running


@pytest.fixture
def holdfast(running_holdfast: Holdfast) -> Holdfast:
    """A Holdfast without APIs and certificates."""
    rest = running_holdfast.rest
    for api in rest.get("/apis", params={"limit": 1000}).json()["list"]:
        rest.delete(f"/apis/{api['id']}", params={"deleteUnusedCertificates": "true"})
    for entry in rest.get("/endpoint-certificates", params={"limit": 1000}).json()["certificates"]:
        rest.delete(f"/endpoint-certificates/{entry['alias']}")
    return running_holdfast


@pytest.fixture
def guest(tmp_path: Path) -> Command:
    """The command of a user who is not signed in."""
    return Command(tmp_path)


@pytest.fixture
def command(tmp_path: Path, holdfast: Holdfast) -> Command:
    """The command of admin, with credentials in the environment."""
    return Command(
        tmp_path,
        HOLDFAST_URL=holdfast.publisher_url,
        HOLDFAST_USER="admin",
        HOLDFAST_PASSWORD=holdfast.admin_password,
    )
