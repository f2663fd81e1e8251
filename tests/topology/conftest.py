"""One installation for each module; each test finds it complete."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from topology.installation import Installation


@pytest.fixture(scope="module")
def running_installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with Installation(tmp_path_factory.mktemp("installation")) as installation:
        yield installation


@pytest.fixture
def installation(running_installation: Installation) -> Installation:
    """PostgreSQL, two control planes and two gateways, all of which run."""
    running_installation.repair()
    return running_installation


@pytest.fixture
def short_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory for files with sockets next to them, which *tmp_path* can be too long for after many runs."""
    return tmp_path_factory.mktemp("t")
