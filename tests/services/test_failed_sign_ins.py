"""Failed sign-ins are logged with user and address, in a limited number of lines."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from holdfast.services.access.failed_sign_ins import (
    MAX_EVENTS,
    MAX_WAITING,
    PAUSE,
    FailedSignIns,
    Way,
)
from holdfast.services.errors import SignInRefused, TooManyAttempts
from holdfast.store import audit_events, journal
from holdfast.store.access import accounts
from holdfast.store.access.accounts import User
from holdfast.store.audit import Action
from holdfast.store.errors import StoreFull

pytestmark = [pytest.mark.long, pytest.mark.usefixtures("warnings")]

NOW = datetime(2026, 11, 28, tzinfo=UTC)
SECRET = "the password in the wrong field"
ADDRESS = "192.0.2.1"


@pytest.fixture
def failures(store):
    """Failures of a Holdfast whose only user is anna@acme, with the audit events and log lines that it wrote."""
    with store.write() as session:
        for organization in ("default", "acme"):
            accounts.insert_organization(session, organization, NOW)
        accounts.insert_user(session, User("1", "acme", "anna@acme", "", frozenset()), NOW)
    return FailedSignIns()


@pytest.fixture
def write(store, failures):
    def write(after=timedelta(), **options):
        with capture_logs() as lines:
            failures.write(store, NOW + after, **options)
        with store.read() as session:
            events = [event for name in ("default", "acme") for event in journal.list_audit_events(session, name)]
        return [event for event in events if event.action == Action.FAIL_TO_SIGN_IN and event.at == NOW + after], lines

    return write


def test_a_failure_is_in_the_log_and_in_the_audit_log_of_the_users_organization(failures, write, store):
    failures.add(Way.BASIC, ADDRESS, "anna@acme", "wrong name or password")
    (event,), (line,) = write()
    assert (event.organization, event.user, event.subject) == ("acme", "", "anna@acme")
    assert (event.detail, event.address) == ("HTTP Basic: wrong name or password", ADDRESS)
    with store.read() as session:
        assert audit_events.list_users(session, "acme", 9) == []
    assert line == {
        "event": "failed sign-in",
        "log_level": "warning",
        "way": "HTTP Basic",
        "reason": "wrong name or password",
        "user": "anna@acme",
        "address": ADDRESS,
        "count": 1,
    }


@pytest.mark.parametrize("name", [SECRET, "", SECRET * 100, "anna", "\0", "' OR 1=1 --"])
def test_unknown_names_are_not_recorded(failures, write, name):
    failures.add(Way.PAGE, ADDRESS, name)
    (event,), lines = write()
    assert (event.organization, event.subject, event.address) == ("default", "unknown user", ADDRESS)
    assert not name or name not in f"{event}{lines}"


def test_many_failures_are_one_event_per_minute_with_their_number(failures, write):
    for _ in range(3):
        failures.add(Way.PAGE, ADDRESS, SECRET)
        failures.add(Way.PAGE, ADDRESS, f"{SECRET}!")
    (event,), _ = write()
    assert event.detail == "page: unknown or expired (6 times)"
    failures.add(Way.PAGE, ADDRESS)
    failures.add(Way.PAGE, ADDRESS)
    assert write(PAUSE / 2) == ([], [])
    assert write(PAUSE)[0][0].detail == "page: unknown or expired (2 times)"
    assert write(3 * PAUSE) == ([], [])


def test_an_ipv6_address_counts_as_its_network_and_is_recorded_in_full(failures, write):
    for host in range(1, 200):
        failures.add(Way.PAGE, f"2001:db8::{host:x}")
    (event,), _ = write()
    assert (event.address, event.detail) == ("2001:db8::c7", "page: unknown or expired (199 times)")


def test_different_failures_are_recorded_separately(failures, write):
    failures.add(Way.PAGE, ADDRESS)
    failures.add(Way.TOKEN, ADDRESS)
    failures.add(Way.PAGE, ADDRESS, "anna@acme")
    failures.add(Way.PAGE, "192.0.2.2")
    failures.add(Way.PAGE, ADDRESS, reason="too many attempts")
    assert len(write()[0]) == 5


def test_constant_failures_do_not_hide_later_ones_of_others(failures, write):
    def attack():
        for number in range(MAX_EVENTS):
            failures.add(Way.TOKEN, f"198.51.100.{number}")

    attack()
    write()
    failures.add(Way.PAGE, ADDRESS, "anna@acme")
    for minutes in (1, 2):
        attack()
        if "anna@acme" in {event.subject for event in write(minutes * PAUSE)[0]}:
            return
    raise AssertionError("never written")


def test_an_attack_from_everywhere_writes_a_bounded_number_and_counts_all(failures, write):
    attempts = 3 * MAX_WAITING
    for number in range(attempts):
        failures.add(Way.TOKEN, f"198.51.{number // 250}.{number % 250}")
    assert len(write()[0]) == MAX_EVENTS
    assert write(PAUSE / 2)[0] == []
    events = list(write(PAUSE)[0])
    assert len(events) == MAX_EVENTS
    last, lines = write(2 * PAUSE, everything=True)
    assert len(last) <= MAX_WAITING
    assert 2 * MAX_EVENTS + sum(line["count"] for line in lines) == attempts
    (many,) = [event for event in last if event.address is None]
    assert many.detail == f"token: unknown or expired ({attempts - MAX_WAITING} times, from several addresses)"


def test_control_planes_share_the_limits(failures, write):
    numbers = []
    for minutes in range(6):
        failures.add(Way.PAGE, ADDRESS)
        numbers.append(len(write(minutes * PAUSE, control_planes=3)[0]))
    assert numbers == [1, 0, 0, 1, 0, 0]
    for number in range(MAX_EVENTS):
        failures.add(Way.TOKEN, f"198.51.100.{number}")
    assert len(write(9 * PAUSE, control_planes=3)[0]) == MAX_EVENTS // 3


def test_a_failure_in_a_watched_block_is_counted_and_raised(failures, write):
    for error in (SignInRefused(), TooManyAttempts(3)):
        with pytest.raises(type(error)), failures.watch(Way.PAGE, ADDRESS, "anna@acme"):
            raise error
    with failures.watch(Way.PAGE, ADDRESS):
        pass
    with pytest.raises(KeyError), failures.watch(Way.PAGE, ADDRESS):
        raise KeyError
    details = sorted(event.detail for event in write()[0])
    assert details == ["page: too many attempts", "page: wrong name or password"]


def test_a_full_disk_leaves_the_log_line(failures, store, write, monkeypatch):
    def full():
        raise StoreFull(Path("holdfast.sqlite"), "disk full")

    failures.add(Way.PAGE, ADDRESS)
    monkeypatch.setattr(store, "write", full)
    events, lines = write()
    assert (events, [line["address"] for line in lines]) == ([], [ADDRESS])
