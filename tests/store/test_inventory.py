"""The inventory lists, sorts, filters and searches endpoint certificates, including those that an old version wrote."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import text

from acting import context_of
from holdfast.apis.trust.endpoint_certificate import EndpointCertificate
from holdfast.services.inventory.expiring import find_expiring
from holdfast.store.audit import Action
from holdfast.store.catalog import apis
from holdfast.store.journal import AuditEvent, record
from holdfast.store.trust import endpoint_certificates, expiring, facts, inventory
from holdfast.store.trust.inventory import Filter, Sort, Users
from issuing import issue
from store.values import NOW, make_api, make_entry, read

pytestmark = pytest.mark.usefixtures("anna")
DAY = timedelta(days=1)
CA = issue(common_name="Fabrikam Root", ca=True)


def insert(store, *entries: EndpointCertificate) -> None:
    with store.write() as session:
        for entry in entries:
            endpoint_certificates.insert(session, entry)


def list_aliases(store, filters: Filter = Filter(), sort: Sort = Sort.ALIAS, **options) -> list[str]:  # noqa: B008 - a value
    with store.read() as session:
        entries = inventory.find(session, "default", filters, sort, **options)
        if not options:
            assert inventory.count(session, "default", filters) == len(entries)
        return [entry.alias for entry in entries]


@pytest.fixture
def four(store):
    """Entries that differ in everything that lists are filtered and sorted by; only one is used by an API."""
    first, second, third, previous = (
        issue("pizza.test", common_name="Pizza", end=20 * DAY),
        issue("b.test", by=CA, common_name="Älpha", end=300 * DAY),
        issue("c.test", by=CA, common_name="B_0%", end=40 * DAY),
        issue("old.test", common_name="Old", end=5 * DAY),
    )
    entries = [
        make_entry("one", first),
        make_entry("two", second, endpoint="https://b.test"),
        replace(make_entry("three", third, CA, endpoint="https://c.test"), previous=(read(previous),)),
        make_entry("four", first, endpoint="https://B.test:99/x"),
    ]
    insert(store, *entries)
    with store.write() as session:
        apis.insert(session, make_api())
        apis.insert(session, make_api("Other", sandbox="https://pizza.test:8443/other"))
    return {entry.alias: entry for entry in entries}


def test_lists_are_sorted_by_any_column_in_both_directions(store, four):
    expected = {
        Sort.ALIAS: ["four", "one", "three", "two"],
        Sort.EXPIRES: ["four", "one", "three", "two"],
        Sort.COMMON_NAME: ["three", "four", "one", "two"],
        Sort.ISSUER: ["three", "two", "four", "one"],
        Sort.ENDPOINT: ["four", "two", "three", "one"],
    }
    del four
    assert {sort: list_aliases(store, sort=sort) for sort in Sort} == expected
    for sort, ascending in expected.items():
        assert list_aliases(store, sort=sort, descending=True) == ascending[::-1]


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("sort", Sort)
def test_pages_after_a_position_continue_where_the_last_one_ended(store, four, sort, descending):
    del four
    with store.read() as session:
        entries = inventory.find(session, "default", Filter(), sort, descending=descending)
        pages, after = [], None
        while page := inventory.find(session, "default", Filter(), sort, descending=descending, after=after, limit=1):
            pages += page
            after = page[-1].find_position(sort)
        assert pages == entries


def test_filters_can_be_combined(store, four):
    first = min(certificate.not_after for certificate in four["one"].certificates)
    for filters, expected in {
        Filter(alias="one"): ["one"],
        Filter(endpoint="https://b.test"): ["four", "two"],
        Filter(endpoint="https://b.test:99"): ["four"],
        Filter(endpoint="wss://b.test:99/chat"): ["four"],
        Filter(query="wss://b.test"): ["four", "two"],
        Filter(endpoint="https://b.test:443/x"): ["two"],
        Filter(origins=("https://b.test", "https://c.test")): ["three", "two"],
        Filter(origins=()): [],
        Filter(issuer="fabrikam"): ["three", "two"],
        Filter(expires_before=first): [],
        Filter(expires_before=first + DAY): ["four", "one"],
        Filter(expires_after=first + DAY): ["three", "two"],
        Filter(unused=True): ["four", "three", "two"],
        Filter(unused=True, issuer="FABRIKAM", expires_before=first + 100 * DAY): ["three"],
        Filter(previous=True): ["three"],
    }.items():
        assert list_aliases(store, filters) == expected, filters


def test_an_endpoint_is_not_found_by_the_beginning_of_its_host(store):
    urls = ["https://b.test", "https://b.test:99", "http://b.test:80", "https://b.test.example", "https://b.test-2"]
    insert(store, *(make_entry(url, endpoint=url) for url in [*urls, "https://b.test2:99"]))
    assert list_aliases(store, Filter(endpoint="https://b.test")) == urls[:2]
    assert list_aliases(store, Filter(endpoint="b.test")) == sorted(urls[:3])


def test_many_unused_origins_are_found_like_a_few(store, four, monkeypatch):
    del four
    filters = Filter(unused=True, origins=("https://b.test", "https://pizza.test:8443"))
    assert list_aliases(store, filters) == ["two"]
    monkeypatch.setattr(inventory, "FEW", 0)
    assert list_aliases(store, filters) == ["two"]
    assert list_aliases(store, Filter(unused=True)) == ["four", "three", "two"]


def test_a_search_finds_every_name_and_the_beginning_of_numbers(store, four):
    certificate = four["two"].certificates[0]
    pairs = ":".join(certificate.fingerprint[at : at + 2] for at in range(0, 16, 2)).upper()
    serial = f"{certificate.serial_number:040x}"
    for query, expected in {
        "TWO": ["two"],
        "b.test": ["four", "two"],
        "älpha": ["two"],
        "ÄLPHA": ["two"],
        "fabrikam root": ["three", "two"],
        "b_0%": ["three"],
        "%": ["three"],
        "old": ["three"],
        pairs: ["two"],
        f" {certificate.fingerprint} ": ["two"],
        serial: ["two"],
        ":".join(serial[at : at + 2] for at in range(0, 40, 2)): ["two"],
        "\0": ["four", "one", "three", "two"],
        "nothing": [],
    }.items():
        assert list_aliases(store, Filter(query=query)) == expected, query


def test_entries_have_what_lists_show(store, four):
    with store.read() as session:
        (entry,) = inventory.find(session, "default", Filter(alias="three"))
        users = inventory.list_users(session, "default", {certificate.origin for certificate in four.values()})
    current = four["three"].certificates
    assert [certificate.fingerprint for certificate in entry.current] == [
        certificate.fingerprint for certificate in current
    ]
    assert [certificate.common_name for certificate in entry.previous] == ["Old"]
    assert (entry.common_name, entry.issuer, entry.expires_at) == (
        "B_0%",
        "Fabrikam Root",
        min(certificate.not_after for certificate in current),
    )
    assert [certificate.is_ca for certificate in entry.certificates] == [False, True, False]
    assert users == {"https://pizza.test:8443": Users(2, "Other 1.0.0")}


def test_certificates_that_expire_are_listed_one_by_one(store, four):
    one, old = four["one"].certificates[0], four["three"].previous[0]
    with store.read() as session:
        before = one.not_after + timedelta(seconds=1)
        expirations = expiring.find(session, "default", before)
        assert expiring.count(session, "default", before) == 3
        assert sorted((expiration.alias, expiration.used, expiration.previous) for expiration in expirations) == [
            ("four", False, False),
            ("one", True, False),
            ("three", False, True),
        ]
        assert (expirations[0].fingerprint, expirations[0].not_after) == (old.fingerprint, old.not_after)
        later = expiring.find(session, "default", before, after=one.not_after)
        assert {expiration.alias for expiration in later} == {"four", "one"}
        assert [expiration.alias for expiration in expiring.find(session, "default", before, limit=1)] == ["three"]


def test_rows_that_an_old_version_changed_or_inserted_are_described_before_they_are_listed(store, anna):
    missing, second = make_entry("kept"), make_entry("changed")
    insert(store, missing, second)
    der = make_entry("x", issue("new.test", common_name="New", end=3 * DAY)).certificates[0].der
    event = AuditEvent("default", NOW, "otto", Action.IMPORT_CERTIFICATE, "changed", "", None)
    with store.write() as session:
        record(session, event)
        session.execute(
            text("UPDATE certificate SET fingerprint = NULL WHERE endpoint_certificate_id = :id"), {"id": missing.id}
        )
        session.execute(
            text("UPDATE certificate SET der = :der WHERE endpoint_certificate_id = :id"),
            {"id": second.id, "der": der},
        )
        update = {"id": second.id, "at": NOW.replace(tzinfo=None) + DAY}
        session.execute(text("UPDATE endpoint_certificate SET updated_at = :at WHERE id = :id"), update)
    context = context_of(store, anna, NOW)
    assert "changed" in [expiration.alias for expiration in find_expiring(context, NOW + 365 * DAY * 10)]
    with store.read() as session:
        (entry,) = inventory.find(session, "default", Filter(alias="changed"))
        assert (entry.common_name, entry.created_by, entry.current[0].common_name) == ("New", "otto", "New")
        assert not facts.has_undescribed(session)
        number = session.execute(text("SELECT count(*) FROM certificate WHERE fingerprint IS NULL")).scalar()
    assert number == 1


def test_long_and_odd_names_can_be_stored(store):
    entry = make_entry("odd")
    certificate = replace(entry.certificates[0], common_names=("x\0y" + "ß" * 5_000,), subject="CN=" + "ß" * 9_000)
    insert(store, replace(entry, certificates=(certificate,)))
    with store.read() as session:
        (listed_entry,) = inventory.find(session, "default", Filter(query="ß"))
    assert listed_entry.common_name.startswith("x\\00yßß")


def test_a_row_with_a_certificate_that_cannot_be_read_is_left_out(store, anna):
    broken_entry = make_entry("damaged")
    insert(store, make_entry("kept"), broken_entry)
    with store.write() as session:
        values = {"id": broken_entry.id, "der": b"damaged", "at": NOW.replace(tzinfo=None) + DAY}
        session.execute(
            text("UPDATE certificate SET der = :der, not_after = NULL WHERE endpoint_certificate_id = :id"), values
        )
        session.execute(text("UPDATE endpoint_certificate SET updated_at = :at WHERE id = :id"), values)
    assert [expiration.alias for expiration in find_expiring(context_of(store, anna, NOW), NOW + 365 * DAY * 10)] == [
        "kept"
    ]
    assert list_aliases(store) == ["kept"]
    with store.read() as session:
        assert inventory.count(session, "default", Filter()) == 1
        assert not facts.has_undescribed(session)
