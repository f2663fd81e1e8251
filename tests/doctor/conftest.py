"""A data directory, and the problems that `holdfast doctor` reports for it."""

import os
from datetime import UTC, datetime

import pytest

from databases import write_new_database
from holdfast.doctor import examine
from holdfast.files.sealing_keys import KeyFile
from holdfast.server.machine.directories import DATABASE_FILE, data_directory
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
    made = tmp_path / "data"
    with data_directory(made):
        write_new_database(made / DATABASE_FILE)
    KeyFile(made / KEY_FILE).read_or_make()
    return made


@pytest.fixture
def kept(data):
    """Write into the database."""

    def kept(write):
        store = Store(data / DATABASE_FILE)
        with store.write() as session:
            if "default" not in accounts.list_organizations(session):
                accounts.insert_organization(session, "default", datetime.now(UTC))
            write(session)
        store.close()

    return kept


@pytest.fixture
def settings(data):
    """Return settings for *data* with free ports, and with changes."""
    addresses = dict(zip(("publisher", "gateway", "sandbox"), free_addresses(3), strict=True))
    return lambda **changed: Settings(**({"data": data} | addresses | changed))


@pytest.fixture
def unwell(settings):
    """Run all checks and return the problems: outcome, text and advice by name."""

    def unwell(now=None, **changed):
        found = list(examine(settings(**changed), now or datetime.now(UTC)))
        assert all(each.text.endswith(".") for each in found)
        assert all(bool(each.advice) == (each.outcome != "ok") for each in found)
        return {each.name: (str(each.outcome), each.text, each.advice) for each in found if each.outcome != "ok"}

    return unwell
