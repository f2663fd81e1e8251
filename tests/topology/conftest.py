"""One installation for each module; each test finds it complete."""

from collections.abc import Iterator

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
