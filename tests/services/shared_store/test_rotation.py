"""Replacements with overlap: undo them, and retire previous certificates."""

import pytest

from acting import context_of
from holdfast.apis.trust.endpoint_certificate import Removal
from holdfast.services.errors import (
    CertificateExpired,
    IndistinguishableCertificates,
    NotFound,
    NothingBefore,
)
from holdfast.services.trust import endpoint_certificates, rotation
from holdfast.store import journal
from holdfast.store.trust.removed_certificates import KEEP_REMOVED
from issuing import DAY, issue
from services.alias import URL, Alias
from store.values import contents


def test_a_replacement_with_overlap_keeps_the_old_certificate_as_previous(a):
    a.begin("old")
    a.replace("new", keep=True)
    assert (a.state, a.removals) == (("new", "old"), [])
    assert a.entry.trusted == a.entry.certificates + a.entry.previous
    assert a.entry.replaced_at == a.clock()
    assert (a.last_event.action, a.last_event.user) == ("replace certificate with overlap", "anna")
    assert f"previous {a.entry.previous[0].fingerprint}" in a.last_event.detail


def test_a_second_replacement_with_overlap_removes_the_previous_certificate(a):
    a.begin("1")
    a.replace("2", keep=True)
    first = a.entry.previous[0].fingerprint
    a.replace("3", keep=True)
    assert (a.state, a.removals) == (("3", "2"), [(Removal.REPLACED, "1", "")])
    assert f"removed {first}" in a.last_event.detail


def test_repeating_a_replacement_does_not_end_the_overlap(a):
    """A script that got no response repeats its request."""
    a.begin("old")
    a.replace("new", keep=True)
    new = a.entry.certificates[0].der
    endpoint_certificates.replace_certificate(
        context_of(a.store, a.who, a.clock.advance(seconds=1)), "a", new, keep=True
    )
    assert (a.state, a.removals) == (("new", "old"), [])


def test_a_replacement_without_overlap_removes_all_and_makes_it_restorable(a):
    a.begin("1")
    a.replace("2", keep=True)
    a.replace("3")
    assert (a.state, a.removals) == (("3", ""), [(Removal.REPLACED, "2", "1")])
    a.undo()
    assert (a.state, a.removals) == (("2", "1"), [(Removal.REPLACED, "3", "")])


def test_replacing_a_certificate_with_itself_leaves_nothing_to_restore(a):
    a.begin("1")
    data = a.entry.certificates[0].der
    endpoint_certificates.replace_certificate(context_of(a.store, a.who, a.clock()), "a", data)
    assert (a.state, a.removals) == (("1", ""), [])
    a.replace("2", keep=True)
    endpoint_certificates.replace_certificate(context_of(a.store, a.who, a.clock()), "a", a.entry.certificates[0].der)
    assert (a.state, a.removals) == (("2", ""), [(Removal.REPLACED, "2", "1")])


def test_undo_makes_the_previous_certificate_current_and_removes_the_new_one(a):
    a.begin("old")
    a.replace("new", keep=True)
    new = a.entry.certificates[0].fingerprint
    assert a.undo() == a.entry
    assert (a.state, a.removals) == (("old", ""), [(Removal.REPLACED, "new", "")])
    assert a.last_event.action == "undo replacement"
    assert f"removed {new}" in a.last_event.detail


def test_undoing_twice_restores_the_new_certificate(a):
    a.begin("old")
    a.replace("new")
    for state, other in (("old", "new"), ("new", "old"), ("old", "new")):
        a.undo()
        assert (a.state, a.removals) == ((state, ""), [(Removal.REPLACED, other, "")])


def test_retiring_ends_the_overlap_and_can_be_undone(a):
    a.begin("old")
    a.replace("new", keep=True)
    old = a.entry.previous[0].fingerprint
    assert a.retire() == a.entry
    assert (a.state, a.removals) == (("new", ""), [(Removal.RETIRED, "old", "")])
    assert a.last_event.action == "retire previous certificates"
    assert f"removed {old}" in a.last_event.detail
    a.undo()
    assert (a.state, a.removals) == (("old", ""), [(Removal.REPLACED, "new", "")])


def test_undo_restores_only_the_latest_replacement(a):
    a.begin("1")
    a.replace("2")
    a.replace("3")
    a.undo()
    assert (a.state, a.removals) == (("2", ""), [(Removal.REPLACED, "3", ""), (Removal.REPLACED, "1", "")])


def test_undo_is_possible_for_30_days(a):
    a.begin("1")
    a.replace("2")
    a.clock.advance(days=30, seconds=-2)
    a.undo()
    assert a.state == ("1", "")
    a.clock.advance(seconds=KEEP_REMOVED.total_seconds())
    with pytest.raises(NothingBefore, match="not replaced in the last 30 days"):
        a.undo()


def test_previous_certificates_are_not_retired_automatically(a):
    a.begin("1")
    a.replace("2", keep=True)
    a.clock.advance(days=99)
    assert a.state == ("2", "1")
    a.undo()
    assert a.state == ("1", "")


def test_impossible_steps_are_rejected_and_change_nothing(a, otto):
    a.begin("1")
    before = contents(a.store, a.who.organization)
    with pytest.raises(NothingBefore, match="nothing to go back to"):
        a.undo()
    with pytest.raises(NothingBefore, match="nothing to retire"):
        a.retire()
    for use_case in (rotation.undo_replacement, rotation.retire_previous):
        for who, alias in ((a.who, "b"), (otto, "a")):
            with pytest.raises(NotFound):
                use_case(context_of(a.store, who, a.clock()), alias)
    assert contents(a.store, a.who.organization) == before


def test_another_organizations_replacements_are_not_undone(a, otto):
    theirs = Alias(a.store, otto, a.clock)
    for alias in (a, theirs):
        alias.begin("1")
        alias.replace("2", keep=True)
    theirs.retire()
    assert (a.state, a.removals) == (("2", "1"), [])
    theirs.undo()
    assert (a.state, a.removals) == (("2", "1"), [])


def test_certificates_of_an_earlier_alias_with_the_same_name_are_not_restored_by_undo(a):
    a.begin("1")
    a.replace("2")
    endpoint_certificates.delete_certificate(context_of(a.store, a.who, a.clock()), "a")
    a.begin("3")
    with pytest.raises(NothingBefore):
        a.undo()


def test_undo_does_not_restore_an_expired_certificate(a):
    a.begin("1", end=2 * DAY)
    a.replace("2", keep=True)
    a.clock.advance(days=3)
    before = contents(a.store, a.who.organization)
    with pytest.raises(CertificateExpired):
        a.undo()
    a.retire()
    with pytest.raises(CertificateExpired):
        a.undo()
    assert a.state == ("2", "")
    assert contents(a.store, a.who.organization)[0] == before[0]


def test_indistinguishable_certificates_do_not_overlap(a):
    a.begin("1", identified=False)
    before = contents(a.store, a.who.organization)
    with pytest.raises(IndistinguishableCertificates, match="Replace it without keeping the old one") as refusal:
        a.replace("2", keep=True, identified=False)
    assert (refusal.value.alias, refusal.value.overlap) == ("a", True)
    assert contents(a.store, a.who.organization) == before
    a.replace("2", identified=False)
    a.undo()
    assert a.state == ("1", "")


def test_previous_certificates_must_be_distinguishable_from_those_of_other_aliases(a):
    a.begin("1", identified=False)
    a.replace("2", keep=True, common_name="else")
    twin = issue("pizza.test", identified=False).pem
    with pytest.raises(IndistinguishableCertificates, match="a already has") as refusal:
        endpoint_certificates.import_certificate(context_of(a.store, a.who, a.clock()), "b", URL, twin)
    assert not refusal.value.overlap
    a.retire()
    endpoint_certificates.import_certificate(context_of(a.store, a.who, a.clock()), "b", URL, twin)
    with pytest.raises(IndistinguishableCertificates, match="b already has"):
        a.undo()


def test_every_step_has_one_event_and_one_change_row(a):
    a.begin("1")
    for step in (lambda: a.replace("2", keep=True), a.undo, a.undo, lambda: a.replace("3", keep=True), a.retire):
        before = contents(a.store, a.who.organization)
        step()
        after = contents(a.store, a.who.organization)
        assert len(after[2]) == len(before[2]) + 1
        assert after[3] == before[3] + 1
    with a.store.read() as session:
        change = journal.list_changes_after(session, after[3] - 1)[0]
    assert (change.kind, change.key) == ("origin", "https://pizza.test:8443")
