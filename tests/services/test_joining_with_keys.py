"""Joining with an enrollment key: as any gateway of one group, as often as necessary."""

from datetime import timedelta

import pytest

from acting import context_of
from enrolling import SEALING, Machine
from holdfast.apis.errors import InvalidField
from holdfast.apis.gateways.enrollment_key import EnrollmentKey
from holdfast.apis.gateways.group import Group
from holdfast.services.access.attempts import FREE, Attempts
from holdfast.services.errors import Conflict, JoinRefused, TooManyAttempts
from holdfast.services.gateways import enrollment
from holdfast.services.gateways import joining as subject
from holdfast.services.gateways.joining import JOINED_BY_KEY, join_with_key
from holdfast.store import journal
from holdfast.store.gateways import gateways, groups

KEY, OTHER = "hfe_" + "a" * 43, "hfe_" + "b" * 43
KEYS = (EnrollmentKey(KEY, "Europe"), EnrollmentKey(OTHER))


@pytest.fixture(autouse=True)
def _europe(store, clock, anna):
    del anna  # whose organization gateways belong to
    with store.write() as session:
        groups.insert(session, Group("Europe", clock(), clock()))


@pytest.fixture
def join(store, clock):
    attempts = Attempts(store, SEALING)

    def act(name, key=KEY, now=None):
        request = Machine().request()
        return join_with_key(store, SEALING, attempts, KEYS, key, name, request, "192.0.2.1", now or clock())

    return act


def list_names(store):
    with store.read() as session:
        return [gateway.name for gateway in gateways.find(session, "default")[0]]


def test_a_machine_joins_the_group_of_the_key_and_joins_again_after_it_lost_its_disk(store, join):
    first = join("node-1")
    assert (first.gateway.name, first.gateway.placement.group) == ("node-1", "Europe")
    assert first.gateway.placement.labels == JOINED_BY_KEY
    second = join("node-1")
    assert second.gateway.id == first.gateway.id
    with store.read() as session:
        assert gateways.get(session, "default", "node-1") == second.gateway
        events = [event for event in journal.list_audit_events(session, "default") if event.action == "join gateway"]
    assert [(event.subject, event.address) for event in events] == [("node-1", "192.0.2.1")] * 2
    assert second.gateway.certificate.fingerprint != first.gateway.certificate.fingerprint


def test_a_key_does_not_take_over_gateways_of_other_groups(store, join, anna, clock):
    enrollment.create_join_token(context_of(store, anna, clock()), SEALING, "eu-1")
    with pytest.raises(Conflict, match="eu-1 is a gateway of the group Default"):
        join("eu-1")
    assert join("eu-1", OTHER).gateway.placement.labels == {}  # those of its enrollment


@pytest.mark.parametrize("name", ["", "local", "Node", "a.b", "a" * 64])
def test_a_name_that_gateways_can_not_have_is_rejected(store, join, name):
    with pytest.raises(InvalidField):
        join(name)
    assert list_names(store) == []


def test_unknown_keys_are_rejected_and_slowed_down(store, join):
    for _ in range(FREE + 1):
        with pytest.raises(JoinRefused):
            join("node-1", "hfe_" + "c" * 43)
    with pytest.raises(TooManyAttempts):
        join("node-1")
    assert list_names(store) == []


def test_a_key_of_a_group_that_was_deleted_is_rejected(store, join):
    with store.write() as session:
        groups.remove(session, "Europe")
    with pytest.raises(InvalidField, match="There is no group 'Europe'"):
        join("node-1")


def test_machines_that_are_gone_make_room_once_their_certificates_have_expired(store, join, anna, clock, monkeypatch):
    monkeypatch.setattr(subject, "MAX_GATEWAYS", 3)
    enrollment.create_join_token(context_of(store, anna, clock()), SEALING, "eu-1")
    for name in ("node-1", "node-2"):
        join(name)
    with pytest.raises(Conflict, match="which is the limit"):
        join("node-3")
    join("node-2", now=clock() + timedelta(days=20))
    join("node-3", now=clock() + timedelta(days=31))
    assert list_names(store) == ["eu-1", "node-2", "node-3"]
