"""One Holdfast shared by all tests in this folder; each test creates its own APIs and backends."""

from collections.abc import Iterator

import pytest

from running import Holdfast


@pytest.fixture(scope="session")
def holdfast(tmp_path_factory: pytest.TempPathFactory, server_environment: dict[str, str]) -> Iterator[Holdfast]:
    with Holdfast(tmp_path_factory.mktemp("holdfast"), forks=False, **server_environment) as running:
        yield running
