"""Values are read as they were stored."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import func, select, update

from holdfast.apis.catalog.lifecycle import State
from holdfast.services.retention import forget_old_rows
from holdfast.store import journal
from holdfast.store.access import accounts
from holdfast.store.access.accounts import User
from holdfast.store.catalog import apis
from holdfast.store.tables import ApiRow, TrustedCertificateRow
from holdfast.store.trust import endpoint_certificates
from issuing import issue
from store.values import NOW, make_api, make_entry, read

pytestmark = pytest.mark.usefixtures("anna")
HOUR = timedelta(hours=1)


def count_certificates(session):
    return session.scalar(select(func.count()).select_from(TrustedCertificateRow))


def test_an_api_is_read_as_it_was_stored(store):
    api = make_api(sandbox="http://[::1]:80/x/", description="<b>'\"ü", state=State.DEPRECATED)
    with store.write() as session:
        apis.insert(session, api)
    with store.read() as session:
        assert apis.get(session, "default", api.id) == api


def test_a_url_that_is_no_longer_accepted_is_not_an_endpoint_and_does_not_hide_other_apis(store):
    dubious, other = make_api("Dubious"), make_api("Other")
    with store.write() as session:
        apis.insert(session, dubious)
        apis.insert(session, other)
        url = "https://[::1]evil.example:8443/p"
        session.execute(update(ApiRow).where(ApiRow.id == dubious.id).values(production_url=url))
    with store.read() as session:
        assert {api.name: api.production for api in apis.list_of_organization(session, "default")} == {
            "Dubious": None,
            "Other": other.production,
        }


def test_a_changed_api_replaces_the_old_one(store):
    api = make_api()
    new_version = replace(api, production=None, state=State.CREATED, description="new", updated_at=NOW + HOUR)
    with store.write() as session:
        apis.insert(session, api)
        apis.update(session, new_version)
    with store.write() as session:
        assert list(apis.list_of_organization(session, "default")) == [new_version]
        apis.remove(session, new_version)
    with store.read() as session:
        assert apis.get(session, "default", api.id) is None


def test_times_are_stored_as_the_same_moment(store):
    here = datetime(2026, 6, 1, 14, tzinfo=timezone(timedelta(hours=2)))
    api = replace(make_api(), created_at=here)
    with store.write() as session:
        apis.insert(session, api)
    with store.read() as session:
        stored_api = apis.get(session, "default", api.id)
    assert stored_api.created_at == here
    assert stored_api.created_at.tzinfo is UTC


def test_certificates_of_an_alias_are_read_in_order(store):
    entry = make_entry("bundle", *(issue(f"{n}.test") for n in range(12)))
    with store.write() as session:
        endpoint_certificates.insert(session, entry)
    with store.read() as session:
        assert endpoint_certificates.get(session, "default", "bundle") == entry


@pytest.mark.parametrize("number", [1, 3, 5])
def test_an_update_replaces_all_certificates_of_the_alias(store, number):
    entry = make_entry("bundle", *(issue(f"{n}.test") for n in range(3)))
    new = tuple(read(issue(f"{n}.new.test")) for n in range(number))
    with store.write() as session:
        endpoint_certificates.insert(session, entry)
    with store.write() as session:
        endpoint_certificates.update(session, replace(entry, certificates=new, updated_at=NOW + HOUR))
    with store.read() as session:
        assert endpoint_certificates.get(session, "default", "bundle").certificates == new
        assert count_certificates(session) == number


def test_removing_an_alias_deletes_its_certificates_and_no_others(store):
    entry, other = make_entry("one", issue("a.test"), issue("b.test")), make_entry("other")
    with store.write() as session:
        endpoint_certificates.insert(session, entry)
        endpoint_certificates.insert(session, other)
    with store.write() as session:
        endpoint_certificates.remove(session, entry)
    with store.read() as session:
        assert endpoint_certificates.find(session, "default") == ([other], 1)
        assert count_certificates(session) == 1


def test_numbers_of_changes_are_never_reused(store):
    with store.write() as session:
        journal.announce(session, "default", "api", "old", NOW - timedelta(days=2))
        journal.announce(session, "default", "origin", "new", NOW)
    with store.write() as session:
        assert [(change.sequence, change.key) for change in journal.list_changes_after(session, 0)] == [
            (1, "old"),
            (2, "new"),
        ]
        assert [change.key for change in journal.list_changes_after(session, 1)] == ["new"]
    forget_old_rows(store, NOW)
    with store.write() as session:
        assert [change.key for change in journal.list_changes_after(session, 0)] == ["new"]
    forget_old_rows(store, NOW + timedelta(days=2))
    with store.write() as session:
        journal.announce(session, "default", "api", "newest", NOW)
    with store.read() as session:
        assert journal.get_last_sequence(session) == 3


def test_a_session_is_found_until_it_expires(store):
    user = User("1", "default", "anna", "hash")
    with store.write() as session:
        accounts.insert_user(session, user, NOW)
        accounts.insert_session(session, "token", user, NOW, NOW + HOUR)
        assert accounts.get_session_user(session, "token", NOW) == user
        assert accounts.get_session_user(session, "token", NOW + HOUR) is None
        accounts.insert_session(session, "next", user, NOW + HOUR, NOW + 2 * HOUR)
        assert accounts.get_session_user(session, "token", NOW) is None  # it was deleted
        accounts.remove_session(session, "next")
        assert accounts.get_session_user(session, "next", NOW + HOUR) is None
