"""
Two organizations with equal names, contexts and aliases never see or change each other's rows.

Each query function is listed in `tests/store/organizations`, in the file about its subject:

    READS     calls it for an organization; returns what was read, or the organizations that it belongs to
    WRITES    calls it for an organization, about what either this or another organization has
    FOR_ALL   it works for all organizations, or tells which one it is
"""

import inspect
import pkgutil
from contextlib import suppress
from importlib import import_module

import pytest
from sqlalchemy.exc import IntegrityError, NoResultFound
from sqlalchemy.orm import Session

import holdfast.store
from holdfast.store.catalog import api_overviews, apis
from holdfast.store.catalog.api_overviews import OverviewFilter, Show
from holdfast.store.catalog.apis import ApiFilter
from holdfast.store.trust import endpoint_certificates, removed_certificates, unused_origins, urgent
from store.organizations import access, audit, catalog, gateways, identities, notifications, traffic, trust
from store.organizations.rows import FAR, NOW, Pair, describe, dump, insert, sandbox_of
from store.values import make_api, make_entry

pytestmark = pytest.mark.long

SUBJECTS = (access, audit, catalog, gateways, identities, notifications, traffic, trust)
READS = {function: read for subject in SUBJECTS for function, read in subject.READS.items()}
WRITES = {function: write for subject in SUBJECTS for function, write in subject.WRITES.items()}
FOR_ALL = {function for subject in SUBJECTS for function in getattr(subject, "FOR_ALL", ())}
# What belongs to the installation, and what the reason is.
OF_THE_INSTALLATION = {
    "access.failed_attempts": "who guesses passwords has no organization yet",
    "clock": "the time",
    "compatibility": "versions of the tables",
    "control_planes.control_planes": "control planes serve all organizations",
    "control_planes.failures": "control planes exchange all that they know, and services divide it",
    "control_planes.leases": "control planes share work for all organizations",
    "control_planes.messages": "control planes exchange sealed messages",
    "control_planes.sealed_values": "there is one sealing key",
    "damage": "`holdfast doctor` checks the database of the installation",
    "gateways.connected_gateways": "gateways serve APIs of all organizations",
    "gateways.groups": "gateways serve APIs of all organizations",
    "inspection": "`holdfast doctor` checks the database of the installation",
    "old_rows": "old rows of all organizations are deleted",
    "postgresql.inspection": "`holdfast doctor` checks the server of the installation",
    "traffic.old_traffic": "old rows of all organizations are deleted",
    "upsert": "statements, not queries",
    "watch.progress": "one watch works for all organizations",
}


class Undo(Exception):
    """Rolls a transaction back."""


@pytest.fixture
def pair(store, anna, otto):
    """The same API, certificate and event in two organizations."""
    pair = Pair(
        describe(anna.organization, otto.organization, anna.name),
        describe(otto.organization, anna.organization, otto.name),
    )
    with store.write() as session:
        for own in pair:
            insert(session, own)
    return pair


def name(function):
    return f"{function.__module__.removeprefix('holdfast.store.')}.{function.__name__}"


def takes_session(function):
    return any(
        parameter.annotation is Session for parameter in inspect.signature(function, eval_str=True).parameters.values()
    )


def test_every_query_function_is_listed():
    prefix = "holdfast.store."
    modules = {module.name.removeprefix(prefix) for module in pkgutil.walk_packages(holdfast.store.__path__, prefix)}
    assert OF_THE_INSTALLATION.keys() <= modules
    public = {
        name(function)
        for module in modules - OF_THE_INSTALLATION.keys()
        if not module.startswith("migrations")
        for function_name, function in inspect.getmembers(import_module(prefix + module), inspect.isfunction)
        if function.__module__ == prefix + module and not function_name.startswith("_") and takes_session(function)
    }
    assert public == {name(function) for function in READS.keys() | WRITES.keys() | FOR_ALL}


def test_reading_returns_only_the_organizations_own_rows(store, pair):
    def organizations(rows):
        return [row if isinstance(row, str) else row.organization for row in rows if row]

    with store.read() as session:
        for organization, expected in (("default", ["default"]), ("other", ["other"]), ("nobody", [])):
            rows = {
                name(function): organizations(read(session, organization, pair)) for function, read in READS.items()
            }
            assert rows == dict.fromkeys(rows, expected)


def test_writing_changes_nothing_of_another_organization(store, pair):
    with store.read() as session:
        before = dump(session, "other")

    def changes(write, organization):
        outcomes = []
        with suppress(Undo, IntegrityError, NoResultFound), store.write() as session:
            write(session, organization, pair.other)
            outcomes.append(dump(session, "other") != before)
            raise Undo
        return outcomes == [True]

    writers = {
        organization: {name(function) for function, write in WRITES.items() if changes(write, organization)}
        for organization in ("default", "other")
    }
    assert writers["default"] == set()
    assert {name(function) for function in WRITES} - writers["other"] == set()  # so each of these calls can change rows


def test_imports_and_labels_of_another_organization_do_not_count(store, pair):
    with store.read() as session:
        for own, other in (pair, reversed(pair)):
            expiring = OverviewFilter(show=Show.EXPIRING, expiring=min(c.not_after for c in own.entry.certificates))
            assert api_overviews.find(session, own.name, expiring) == ([], 0)
            assert api_overviews.list_trusted_at(session, own.name, [sandbox_of(own.name)]) == {}
            assert unused_origins.find(session, own.name) == sorted([own.unused_entry.origin, own.past_settings.origin])
            label = f"label-{other.name}"
            assert endpoint_certificates.find(session, own.name, label=label) == ([], 0)
            assert (
                urgent.find_expiring(session, own.name, FAR, None, [own.unused_entry.origin]).alias == own.entry.alias
            )


def test_totals_count_only_the_organizations_own_rows(store, pair):
    del pair
    with store.read() as session:
        assert apis.find(session, "default", ApiFilter(), limit=0)[1] == 1
        assert endpoint_certificates.find(session, "default", limit=0)[1] == 2
        assert removed_certificates.find(session, "default", NOW, limit=0)[1] == 1


def test_within_one_organization_names_contexts_and_aliases_are_unique(store, pair):
    del pair
    for rival in (make_api(context="/else"), make_api("Else", context="/pizza")):
        with pytest.raises(IntegrityError), store.write() as session:
            apis.insert(session, rival)
    with pytest.raises(IntegrityError), store.write() as session:
        endpoint_certificates.insert(session, make_entry())
