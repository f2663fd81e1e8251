"""One database for all tests here, in which each test has separate organizations."""

import pytest

from holdfast.services.access.principal import Principal
from services.alias import Alias


@pytest.fixture
def store(shared_runtime):
    return shared_runtime.store


@pytest.fixture
def anna(join):
    return Principal(join("anna").organization, "anna")


@pytest.fixture
def otto(join):
    """A user of another organization."""
    return Principal(join("otto").organization, "otto")


@pytest.fixture
def a(store, anna, clock):
    return Alias(store, anna, clock)
