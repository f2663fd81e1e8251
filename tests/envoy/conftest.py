"""One Holdfast shared by all tests in this folder; each test creates its own APIs and backends."""

from collections.abc import Iterator

import pytest

from running import Holdfast


@pytest.fixture(scope="session")
def holdfast(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Holdfast]:
    with Holdfast(tmp_path_factory.mktemp("holdfast"), forks=False) as running:
        yield running
