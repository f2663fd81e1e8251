"""An environment for commands that run in the process of the tests."""

import os

import pytest

from holdfast.cli.server import local


@pytest.fixture
def clean_environment(monkeypatch):
    """No variable of Holdfast is set, and logs stay as they are."""
    for name in [name for name in os.environ if name.startswith("HOLDFAST_")]:
        monkeypatch.delenv(name)
    monkeypatch.setattr(local, "configure_logging", str)
