"""A data directory, and the problems that `holdfast doctor` reports for it."""

import os
from datetime import UTC, datetime

import pytest

from databases import write_new_database
from holdfast.doctor import examine
from holdfast.files.sealing_keys import KeyFile
from holdfast.server.clock import utc_now
from holdfast.server.machine.directories import DATABASE_FILE, lock_data_directory
from holdfast.server.sealing.keys import KEY_FILE
from holdfast.server.settings import Settings
from holdfast.store.access import accounts
from holdfast.store.database import Store
from ports import free_addresses


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    for name in [name for name in os.environ if name.startswith("HOLDFAST_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def data(tmp_path):
    """The data directory of a stopped Holdfast."""
    directory = tmp_path / "data"
    with lock_data_directory(directory):
        write_new_database(directory / DATABASE_FILE)
    KeyFile(directory / KEY_FILE).read_or_make()
    return directory


@pytest.fixture
def change_database(data):
    """Write into the database."""

    def change_database(write):
        store = Store(data / DATABASE_FILE, utc_now())
        with store.write() as session:
            if "default" not in accounts.list_organizations(session):
                accounts.insert_organization(session, "default", datetime.now(UTC))
            write(session)
        store.close()

    return change_database


@pytest.fixture
def settings(data):
    """Return settings for *data* with free ports, and with changes."""
    addresses = dict(zip(("publisher", "gateway", "sandbox"), free_addresses(3), strict=True))
    return lambda **changes: Settings(**({"data": data} | addresses | changes))


@pytest.fixture
def unwell(settings):
    """Run all checks and return the problems: outcome, text and advice by name."""

    def unwell(now=None, **changes):
        checks = list(examine(settings(**changes), now or datetime.now(UTC)))
        assert all(check.text.endswith(".") for check in checks)
        assert all(bool(check.advice) == (check.outcome != "ok") for check in checks)
        return {check.name: (str(check.outcome), check.text, check.advice) for check in checks if check.outcome != "ok"}

    return unwell
