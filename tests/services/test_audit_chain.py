"""The hash chain of audit events: whatever is changed behind Holdfast's back is found, as far as that is possible."""

import json
from contextlib import closing
from datetime import timedelta

import pytest

from acting import context_of
from holdfast.audit.chain import START, hash_event
from holdfast.audit.verification import Fault, Verifier
from holdfast.server.clock import utc_now
from holdfast.services.access import audit_log
from holdfast.services.access.audit import write_down
from holdfast.services.retention import chain_events, forget_old_rows
from holdfast.store import audit_chain
from holdfast.store.audit import Action, ChangedSetting, ChangedSettings
from holdfast.store.audit_events import Filter
from holdfast.store.database import Store
from store.values import NOW

DAY = timedelta(days=1)
OLD = (
    'INSERT INTO audit_event ({}organization_id, at, "user", action, subject, detail) '
    "VALUES ({}'default', '2026-01-01 00:00:00.000000', 'eve', 'sign in', 'x', '')"
)


def write(store, user, count=1, at=NOW):
    for number in range(count):
        with store.write() as session:
            details = ChangedSettings((ChangedSetting("names", (), ("ä", f"{number}")),))
            write_down(session, user, at, Action.CHANGE_TRUST_SETTINGS, f"https://{number}.test", details)


def write_as_previous_version(storage, count=1):
    """Insert events as a version without hashes does."""
    for _ in range(count):
        storage.execute(OLD.format("", ""))


def list_events(context):
    return [event for batch in audit_log.stream_events(context, Filter()) for event in batch]


def verify(store, user, expected=""):
    """Verify as the command does: with the chain's end from before, and its anchor from afterwards."""
    context = context_of(store, user)
    verifier = Verifier(expected)
    newest = audit_log.get_chain(context).newest
    for event in list_events(context):
        verifier.add(json.loads(json.dumps(event.members)))
    return verifier.finish(newest, audit_log.get_chain(context).anchor, ends=True)


def list_faults(verdict):
    return [(problem.fault, problem.first, problem.last) for problem in verdict.problems]


def read_newest(store, user):
    return audit_log.get_chain(context_of(store, user)).newest


def test_an_untouched_chain_is_intact(store, anna, otto):
    write(store, anna, 3)
    write(store, otto)
    write(store, anna)
    verdict = verify(store, anna, read_newest(store, anna).hash)
    assert (verdict.events, verdict.newest.number, verdict.expected_at) == (4, 4, 4)
    assert list_faults(verdict) == []
    assert verify(store, otto).events == 1


def test_an_organization_without_events_is_intact(store, anna):
    verdict = verify(store, anna)
    assert (verdict.events, verdict.newest, list_faults(verdict)) == (0, START, [])


def test_several_events_of_one_transaction_are_chained(store, anna):
    with store.write() as session:
        for number in range(3):
            write_down(session, anna, NOW, Action.SIGN_IN, str(number))
    assert (verify(store, anna).newest.number, list_faults(verify(store, anna))) == (3, [])


def test_the_hash_covers_the_event_as_json(store, anna):
    write(store, anna)
    (event,) = list_events(context_of(store, anna))
    assert event.members["hash"] == hash_event(event.members) != hash_event({**event.members, "detail": ""})


MANIPULATIONS = {
    "changed": ("UPDATE audit_event SET \"user\" = 'eve' WHERE number = 3", [(Fault.CHANGED, 3, 3)]),
    "details changed": ("UPDATE audit_event SET details = '{}' WHERE number = 3", [(Fault.CHANGED, 3, 3)]),
    "number and hash copied": (
        "UPDATE audit_event SET hash = (SELECT hash FROM audit_event b WHERE b.number = 2) WHERE number = 3",
        [(Fault.CHANGED, 3, 3), (Fault.REPLACED, 3, 3)],
    ),
    "removed": ("DELETE FROM audit_event WHERE number IN (3, 4)", [(Fault.MISSING, 3, 4)]),
    "first removed": ("DELETE FROM audit_event WHERE number = 1", [(Fault.MISSING, 1, 1)]),
    "end removed": ("DELETE FROM audit_event WHERE number > 4", [(Fault.TRUNCATED, 5, 6)]),
    "all removed": ("DELETE FROM audit_event", [(Fault.TRUNCATED, 1, 6)]),
    "order changed": (
        "UPDATE audit_event SET id = -id WHERE number IN (1, 2)",
        [(Fault.MOVED, 1, 1), (Fault.MISSING, 2, 2), (Fault.MISSING, 1, 1)],
    ),
}


@pytest.mark.parametrize(("statement", "expected"), MANIPULATIONS.values(), ids=MANIPULATIONS.keys())
def test_a_manipulation_is_found(store, storage, anna, statement, expected):
    write(store, anna, 6)
    storage.execute(statement)
    assert list_faults(verify(store, anna)) == expected


DAMAGE = {
    "number": ("audit_event SET number = 'x' WHERE number = 3", ("number",), [(Fault.CHANGED, 3, 3)]),
    "first number": ("audit_event SET number = 'x' WHERE number = 1", ("number",), [(Fault.CHANGED, 0, 0)]),
    "all numbers": ("audit_event SET number = 'x'", ("number",), [(Fault.CHANGED, 0, 0)] * 4),
    "hash": (
        "audit_event SET hash = 'x' WHERE number = 3",
        ("hash",),
        [(Fault.CHANGED, 3, 3), (Fault.REPLACED, 3, 3)],
    ),
    "previous hash": (
        "audit_event SET previous_hash = 'x' WHERE number = 3",
        ("previous hash",),
        [(Fault.CHANGED, 3, 3)],
    ),
    "end": ("audit_chain SET number = 'x', event_id = 'x'", (), [(Fault.UNREADABLE, 0, 0)]),
    "anchor": ("audit_chain SET anchor_hash = 'x'", (), [(Fault.UNREADABLE, 0, 0)]),
}


@pytest.mark.sqlite("PostgreSQL has types")
@pytest.mark.parametrize(("change", "unreadable", "expected"), DAMAGE.values(), ids=DAMAGE.keys())
def test_a_value_that_cannot_be_read_is_found_and_the_chain_continues(
    store, storage, anna, change, unreadable, expected
):
    write(store, anna, 4)
    storage.execute(f"UPDATE {change}")
    assert list_faults(verify(store, anna)) == expected
    assert {name for event in list_events(context_of(store, anna)) for name in event.unreadable} == set(unreadable)
    write(store, anna)
    is_repaired = "chain SET number" in change
    assert list_faults(verify(store, anna)) == ([] if is_repaired else expected)
    assert read_newest(store, anna).number == 5


def test_an_inserted_event_is_found_and_never_chained(store, storage, anna):
    write(store, anna, 2)
    storage.execute("UPDATE audit_event SET id = -1 WHERE number = 1")
    storage.execute(OLD.format("id, ", "0, "))
    write(store, anna)
    verdict = verify(store, anna)
    assert (verdict.newest.number, list_faults(verdict)) == (3, [(Fault.INSERTED, 1, 1)])


def test_a_rewritten_chain_is_found_only_with_a_hash_that_was_kept_elsewhere(store, storage, anna):
    write(store, anna, 3)
    newest_hash = read_newest(store, anna).hash
    storage.execute("DELETE FROM audit_event")
    storage.execute("DELETE FROM audit_chain")
    write(store, anna, 4, NOW + DAY)
    assert list_faults(verify(store, anna)) == []
    assert list_faults(verify(store, anna, newest_hash)) == [(Fault.NOT_FOUND, 0, 0)]


def test_an_end_removed_with_its_record_is_found_only_with_a_hash_that_was_kept_elsewhere(store, storage, anna):
    write(store, anna, 3)
    newest_hash = read_newest(store, anna).hash
    storage.execute("DELETE FROM audit_event WHERE number = 3")
    storage.execute("UPDATE audit_chain SET number = 2, hash = (SELECT hash FROM audit_event WHERE number = 2)")
    assert list_faults(verify(store, anna)) == []
    assert list_faults(verify(store, anna, newest_hash)) == [(Fault.NOT_FOUND, 0, 0)]


def test_retention_keeps_an_anchor(store, anna):
    write(store, anna, 4, NOW - 3 * DAY)
    newest_hash = read_newest(store, anna).hash
    write(store, anna, 2)
    forget_old_rows(store, NOW, audit_days=1)
    state = audit_log.get_chain(context_of(store, anna))
    assert (state.anchor.number, state.anchor.hash, state.anchored_at) == (4, newest_hash, NOW)
    verdict = verify(store, anna, newest_hash)
    assert (verdict.events, verdict.newest.number, verdict.expected_at, list_faults(verdict)) == (2, 6, 4, [])


def test_more_removed_than_retention_did_is_found(store, storage, anna):
    write(store, anna, 4, NOW - 3 * DAY)
    write(store, anna, 2)
    forget_old_rows(store, NOW, audit_days=1)
    storage.execute("DELETE FROM audit_event WHERE number = 5")
    assert list_faults(verify(store, anna)) == [(Fault.MISSING, 5, 5)]


def test_a_whole_log_can_be_forgotten(store, anna):
    write(store, anna, 2, NOW - 3 * DAY)
    forget_old_rows(store, NOW, audit_days=1)
    verdict = verify(store, anna)
    assert (verdict.events, verdict.newest.number, list_faults(verdict)) == (0, 2, [])
    write(store, anna)
    assert (verify(store, anna).newest.number, list_faults(verify(store, anna))) == (3, [])


def test_an_event_with_a_time_ahead_stops_retention_so_that_the_chain_has_no_gap(store, anna):
    write(store, anna, 1, NOW - 3 * DAY)
    write(store, anna, 1, NOW + 300 * DAY)
    write(store, anna, 1, NOW - 3 * DAY)
    forget_old_rows(store, NOW, audit_days=1)
    assert (verify(store, anna).events, list_faults(verify(store, anna))) == (2, [])


def test_events_of_the_previous_version_are_chained_by_the_next_writer(store, storage, anna):
    write(store, anna)
    write_as_previous_version(storage, 3)
    verdict = verify(store, anna)
    assert (verdict.events, verdict.waiting, list_faults(verdict)) == (4, 3, [])
    write(store, anna)
    verdict = verify(store, anna)
    assert (verdict.newest.number, verdict.waiting, verdict.chained_later, list_faults(verdict)) == (5, 0, 3, [])


def test_many_events_of_the_previous_version_are_chained_in_the_background(store, storage, anna, monkeypatch):
    monkeypatch.setattr(audit_chain, "_FEW", 2)
    monkeypatch.setattr(audit_chain, "CHAIN_BATCH", 3)
    write_as_previous_version(storage, 7)
    write(store, anna)
    assert verify(store, anna).waiting == 8
    chain_events(store, NOW)
    verdict = verify(store, anna)
    assert (verdict.newest.number, verdict.waiting, verdict.chained_later, list_faults(verdict)) == (8, 0, 8, [])
    chain_events(store, NOW)
    write(store, anna)
    assert verify(store, anna).newest.number == 9


def test_two_control_planes_write_one_chain(store, storage, anna):
    with closing(Store(storage.location, utc_now())) if store.is_shared else closing(store) as second_store:
        for number in range(6):
            write((store, second_store)[number % 2], anna)
        assert (verify(store, anna).newest.number, list_faults(verify(store, anna))) == (6, [])
