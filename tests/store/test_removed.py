"""Removed certificates can be restored unchanged for 30 days, within limits."""

from dataclasses import replace
from datetime import timedelta

import pytest

from holdfast.apis.trust.endpoint_certificate import Generation, Observation, Removal
from holdfast.services.retention import forget_old_rows
from holdfast.store.trust import endpoint_certificates, removed_certificates
from holdfast.store.trust.removed_certificates import (
    KEEP_REMOVED,
    MAX_OF_ALIAS,
)
from issuing import issue
from store.values import NOW, make_entry, make_removed, read

pytestmark = pytest.mark.usefixtures("anna")
SECOND = timedelta(seconds=1)


def insert(store, *certificates):
    with store.write() as session:
        for certificate in certificates:
            removed_certificates.insert(session, certificate)


def find(store, now=NOW, **options):
    with store.read() as session:
        return removed_certificates.find(session, "default", now, **options)


def test_a_removed_certificate_is_read_as_it_was_stored(store):
    entry = replace(
        make_entry("a", issue("1.test"), issue("2.test", ca=True)),
        previous=(read(issue("3.test")), read(issue("4.test"))),
        replaced_at=NOW - SECOND,
    )
    certificate = make_removed(Removal.DELETED, of=entry)
    insert(store, certificate)
    assert find(store) == ([certificate], 1)
    with store.read() as session:
        assert removed_certificates.get(session, "default", certificate.id, NOW) == certificate


def test_the_newest_removal_comes_first_in_every_page(store):
    rows = [make_removed(age=age * SECOND) for age in (3, 1, 2)]
    insert(store, *rows)
    assert find(store) == ([rows[1], rows[2], rows[0]], 3)
    assert find(store, offset=1, limit=1) == ([rows[2]], 3)


def test_a_removed_certificate_is_not_found_after_30_days_and_then_deleted(store):
    old, young = make_removed(age=KEEP_REMOVED), make_removed(age=KEEP_REMOVED - SECOND)
    insert(store, old, young)
    assert find(store) == ([young], 1)
    assert find(store, NOW - SECOND)[1] == 2
    with store.write() as session:
        assert removed_certificates.get(session, "default", old.id, NOW) is None
        assert removed_certificates.get_latest_replaced(session, "default", old.entry_id, NOW) is None
    forget_old_rows(store, NOW)
    assert find(store, NOW - SECOND) == ([young], 1)


def test_the_latest_removal_of_an_alias_is_found_ignoring_deletions(store):
    entry = make_entry()
    older = make_removed(Removal.REPLACED, of=entry, age=9 * SECOND)
    newer = make_removed(Removal.RETIRED, of=entry, age=5 * SECOND)
    insert(store, newer, older, make_removed(Removal.DELETED, of=entry), make_removed())
    with store.read() as session:
        assert removed_certificates.get_latest_replaced(session, "default", entry.id, NOW) == newer


def test_the_oldest_removals_beyond_the_limit_of_an_alias_are_deleted(store):
    entry = make_entry()
    deletion = make_removed(Removal.DELETED, of=entry, age=timedelta(days=1))
    insert(store, deletion, *(make_removed(of=entry, age=n * SECOND) for n in reversed(range(MAX_OF_ALIAS + 2))))
    rows, number = find(store)
    assert (number, rows[-1]) == (MAX_OF_ALIAS + 1, deletion)
    assert rows[-2].removed_at == NOW - (MAX_OF_ALIAS - 1) * SECOND


def test_the_oldest_removals_beyond_the_limit_of_an_organization_are_deleted(store, otto, monkeypatch):
    limit = 2 * MAX_OF_ALIAS
    monkeypatch.setattr(removed_certificates, "MAX_OF_ORGANIZATION", limit)
    theirs = make_removed(organization=otto.organization, age=timedelta(days=2))
    insert(store, theirs, *(make_removed(Removal.DELETED, of=make_entry("a", issue("a.test"))) for _ in range(3)))
    of = make_entry("a", issue("a.test"))
    insert(store, *(replace(make_removed(of=of), entry_id=str(n)) for n in range(limit)))
    assert find(store, limit=0)[1] == limit
    with store.read() as session:
        assert removed_certificates.find(session, otto.organization, NOW) == ([theirs], 1)


def test_previous_certificates_and_observations_are_read_as_they_were_stored(store):
    observation = Observation(NOW, NOW - SECOND, Generation.BOTH, NOW - 2 * SECOND, NOW - 3 * SECOND)
    previous = (read(issue("1.test")), read(issue("2.test")))
    entry = replace(make_entry(), previous=previous, replaced_at=NOW, observation=observation)
    with store.write() as session:
        endpoint_certificates.insert(session, entry)
        assert endpoint_certificates.get(session, "default", entry.alias) == entry
        endpoint_certificates.update(session, replace(entry, previous=()))
    with store.read() as session:
        assert endpoint_certificates.get_by_id(session, "default", entry.id) == replace(entry, previous=())


def test_certificates_in_rotation_are_ordered_by_their_last_probe(store):
    previous = (read(issue("1.test")),)
    entries = [
        replace(make_entry(alias), previous=previous, observation=Observation(looked_at=looked_at))
        for alias, looked_at in (("late", NOW), ("early", NOW - SECOND), ("never", None))
    ]
    with store.write() as session:
        for entry in (*entries, make_entry("quiet")):
            endpoint_certificates.insert(session, entry)
        places = [("default", entry.id) for entry in reversed(entries)]
        assert endpoint_certificates.list_in_rotation(session, 9) == places
        assert endpoint_certificates.list_in_rotation(session, 2) == places[:2]
