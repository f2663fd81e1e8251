"""Observations of a backend during a rotation, and when retiring is proposed."""

from datetime import timedelta

import pytest

from acting import context_of
from holdfast.apis.trust.endpoint_certificate import Generation
from holdfast.services.trust import endpoint_certificates, rotation
from issuing import DAY, issue
from services.alias import URL
from store.values import contents, read

QUIET = timedelta(days=1)


def test_an_observation_is_stored_without_a_change_row(a):
    a.begin("1")
    a.replace("2", keep=True)
    before = contents(a.store, a.who.organization)
    rotation.observe(a.store, a.entry, Generation.PREVIOUS, a.clock.advance(minutes=1))
    first = a.clock()
    assert rotation.recall_generation(a.entry, first) is Generation.PREVIOUS
    rotation.observe(a.store, a.entry, Generation.CURRENT, a.clock.advance(minutes=1))
    rotation.observe(a.store, a.entry, Generation.BOTH, a.clock.advance(minutes=1))
    rotation.observe(a.store, a.entry, None, a.clock.advance(minutes=1))
    latest = a.entry.observation
    assert (latest.previous_last_needed_at, latest.current_first_seen_at) == (first, first + timedelta(minutes=1))
    assert (latest.generation, latest.at, latest.looked_at) == (
        Generation.BOTH,
        first + timedelta(minutes=2),
        first + timedelta(minutes=3),
    )
    assert contents(a.store, a.who.organization)[2:] == before[2:]
    assert rotation.recall_generation(a.entry, a.clock.advance(hours=2)) is None


def test_an_observation_from_before_a_change_is_not_stored(a):
    a.begin("1")
    a.replace("2", keep=True)
    observed_entry = a.entry
    a.replace("3", keep=True)
    rotation.observe(a.store, observed_entry, Generation.CURRENT, a.clock())
    assert a.entry.observation.at is None


@pytest.mark.parametrize("change", ["replace", "undo", "retire"])
def test_a_change_deletes_earlier_observations(a, change):
    a.begin("1")
    a.replace("2", keep=True)
    rotation.observe(a.store, a.entry, Generation.CURRENT, a.clock())
    {"replace": lambda: a.replace("3", keep=True), "undo": a.undo, "retire": a.retire}[change]()
    assert rotation.recall_generation(a.entry, a.clock()) is None


def test_retiring_is_proposed_once_the_backend_switched_long_enough_ago(a):
    a.begin("1")
    a.replace("2", keep=True)

    def proposed_after(generation, **by):
        rotation.observe(a.store, a.entry, generation, a.clock.advance(**by))
        return rotation.should_retire(a.entry, a.clock(), QUIET)

    assert not rotation.should_retire(a.entry, a.clock.advance(days=9), QUIET)  # nothing was observed
    assert not proposed_after(Generation.PREVIOUS, hours=1)
    assert not proposed_after(Generation.CURRENT, hours=1)
    assert not proposed_after(Generation.CURRENT, hours=24, seconds=-1)
    assert proposed_after(Generation.CURRENT, seconds=1)
    assert proposed_after(Generation.BOTH, seconds=1)
    assert proposed_after(None, minutes=59)
    assert not rotation.should_retire(a.entry, a.clock.advance(minutes=2), QUIET)  # the last observation is an hour old
    assert not proposed_after(Generation.NEITHER, hours=1)
    assert not proposed_after(Generation.PREVIOUS, hours=1)  # the backend switched back
    assert not proposed_after(Generation.CURRENT, hours=23)
    assert proposed_after(Generation.CURRENT, hours=1)
    a.retire()
    assert not rotation.should_retire(a.entry, a.clock(), QUIET)


def test_retiring_is_not_proposed_when_the_current_certificate_has_expired(a):
    a.begin("1")
    a.replace("2", keep=True, end=2 * DAY)
    for _ in range(3):
        rotation.observe(a.store, a.entry, Generation.CURRENT, a.clock.advance(days=1))
    assert not rotation.should_retire(a.entry, a.clock(), QUIET)


def test_the_presented_chain_determines_the_generation(a):
    old_root, new_root = (issue(ca=True, common_name=name) for name in ("old", "new"))
    endpoint_certificates.import_certificate(context_of(a.store, a.who, a.clock()), "a", URL, old_root.pem)
    overlap = endpoint_certificates.replace_certificate(
        context_of(a.store, a.who, a.clock()), "a", new_root.pem, keep=True
    ).entry
    old, new = issue("pizza.test", by=old_root), issue("pizza.test", by=new_root)
    assert rotation.find_generation(overlap, [read(old)]) is Generation.PREVIOUS
    assert rotation.find_generation(overlap, [read(new)]) is Generation.CURRENT
    assert rotation.find_generation(overlap, [read(new), read(old_root)]) is Generation.CURRENT
    assert rotation.find_generation(overlap, [read(issue("pizza.test"))]) is Generation.NEITHER
    shared = issue(by=old_root, ca=True, common_name="shared")
    cross_signed = issue(by=new_root, ca=True, common_name="shared", key=shared.key)
    chain = [issue("pizza.test", by=shared), shared, cross_signed]
    assert rotation.find_generation(overlap, [read(certificate) for certificate in chain]) is Generation.BOTH
