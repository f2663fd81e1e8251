"""Exceptions expire, even while Holdfast isn't running."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from acting import context_of
from holdfast.apis.errors import InvalidField
from holdfast.apis.trust.trust_draft import TrustDraft
from holdfast.server.clock import utc_now
from holdfast.services.publishing.snapshot import read_everything
from holdfast.services.trust import trust_settings
from holdfast.store import journal
from issuing import issue
from services.conftest import PIZZA
from services.control_plane import SEALING

REASON = "the backend's team renews it today"
pytestmark = pytest.mark.usefixtures("served_api")


@pytest.fixture
def grant(store, clock):
    """Turn off verification of PIZZA for some hours."""
    return lambda who, hours: trust_settings.grant_exception(
        context_of(store, who, clock()), PIZZA, REASON, clock() + timedelta(hours=hours)
    )


def list_actions(store, who):
    with store.read() as session:
        return [(event.action, event.user) for event in journal.list_audit_events(session, who.organization)]


def test_an_exception_expires_with_an_event_and_a_change(store, anna, clock, grant):
    grant(anna, 2)
    with store.read() as session:
        before = journal.get_last_sequence(session)
    due = trust_settings.end_exceptions(store, clock.advance(hours=1))
    assert due == clock() + timedelta(hours=1) - trust_settings.IN_ADVANCE
    assert trust_settings.list_exceptions(context_of(store, anna, clock())) != []
    assert trust_settings.end_exceptions(store, clock.advance(hours=1)) is None
    assert trust_settings.list_exceptions(context_of(store, anna, clock())) == []
    assert list_actions(store, anna)[-2:] == [("grant trust exception", "anna"), ("end trust exception", "holdfast")]
    with store.read() as session:
        (change,) = journal.list_changes_after(session, before)
    assert (change.kind, change.key) == ("origin", PIZZA)


def test_verification_is_back_before_gateways_drop_the_cluster_without_it(store, anna, clock, grant):
    ends_at = grant(anna, 2).settings.exception.ends_at
    due = trust_settings.end_exceptions(store, clock())
    assert due < ends_at
    assert trust_settings.end_exceptions(store, due) is None
    (trust,) = read_everything(store, SEALING, due).trust[anna.organization].values()
    assert trust.unverified_until is None


def test_control_planes_that_end_an_exception_at_the_same_time_end_it_once(store, anna, clock, grant):
    grant(anna, 2)
    at = clock.advance(hours=2)
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda _: trust_settings.end_exceptions(store, at), range(4)))
    assert [action for action, _ in list_actions(store, anna)].count("end trust exception") == 1


def test_a_control_plane_that_was_stopped_does_not_end_an_exception_that_was_prolonged(store, anna, clock, grant):
    grant(anna, 2)
    before_the_stop = clock.advance(hours=2)
    grant(anna, 2)
    trust_settings.end_exceptions(store, before_the_stop)
    assert len(trust_settings.list_exceptions(context_of(store, anna, clock()))) == 1


def test_an_expired_exception_is_not_in_force_even_before_it_is_deleted(store, anna, clock, grant):
    grant(anna, 2)
    clock.advance(hours=3)
    assert trust_settings.get_settings(context_of(store, anna, clock()), PIZZA).trust.unverified_until is None


def test_the_trust_of_gateways_is_off_only_for_the_origin_of_the_exception(store, anna, grant, publish):
    publish(anna, "Pasta", "https://pasta.test")
    exception = grant(anna, 2).settings.exception
    trust = read_everything(store, SEALING, utc_now()).trust[anna.organization]
    ends = {str(origin): trust_of_origin.unverified_until for origin, trust_of_origin in trust.items()}
    assert ends == {PIZZA: exception.ends_at, "https://pasta.test": None}


def test_an_exception_of_one_organization_does_not_affect_another(store, anna, otto, clock, grant, publish):
    publish(otto, "Pizza")
    grant(anna, 2)
    assert trust_settings.list_exceptions(context_of(store, otto, clock())) == []
    with pytest.raises(InvalidField):
        trust_settings.grant_exception(context_of(store, otto, clock()), "https://anna.test", REASON, clock())
    trust = read_everything(store, SEALING, utc_now()).trust[otto.organization]
    assert [trust_of_origin.unverified_until for trust_of_origin in trust.values()] == [None]


def test_trust_settings_reach_the_gateways_unchanged(store, anna, clock, import_pem):
    import_pem(anna, "a", PIZZA, issue("pizza.test").pem)
    draft = TrustDraft(names=["other.test"], spki_pins=["ab" * 32], sni="", tls_minimum="1.3")
    decision = trust_settings.change_settings(context_of(store, anna, clock()), PIZZA, draft)
    (trust,) = read_everything(store, SEALING, utc_now()).trust[anna.organization].values()
    assert trust == decision.trust
    assert trust.names[0].value == "other.test"
    assert len(trust.anchors) == 1
