"""One Holdfast for all flows of WSO2's clients, whose gateway asks callers for certificates."""

from collections.abc import Iterator

import pytest

from issuing import issue
from running import Holdfast, write_identity


@pytest.fixture(scope="session")
def holdfast(tmp_path_factory: pytest.TempPathFactory, server_environment: dict[str, str]) -> Iterator[Holdfast]:
    directory = tmp_path_factory.mktemp("wso2")
    identity = write_identity(directory, issue("127.0.0.1"))
    with Holdfast(directory, gateway_identity=identity, **server_environment) as running:
        yield running
