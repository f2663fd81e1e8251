"""Conditions: people are notified when they begin, change and end, and flapping ones are damped."""

from datetime import UTC, datetime, timedelta

import pytest

from holdfast.apis.notifications.course import follow_conditions
from holdfast.apis.notifications.event import Condition, EventKind, EventSeverity, Wording
from holdfast.apis.notifications.expiry import find_threshold

NOW = datetime(2026, 11, 29, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
WORDING = Wording("title", "text", "action", "/")


def make_condition(kind=EventKind.BACKEND_FAILURE, level="expired", end=WORDING):
    return Condition(f"{kind.value}:1", kind, level, EventSeverity.ERROR, WORDING, ("api:1",), end)


class Observer:
    """Follows one condition, and lists the notifications."""

    def __init__(self, *already):
        self.courses, self.sent = {}, []
        self.see(-MINUTE, *already, silenced=True)

    def see(self, after, *present, silenced=False):
        """Evaluate at NOW + *after*; return the phases of what is sent then."""
        now = NOW + after
        by_key = {condition.key: condition for condition in present}
        phases = []
        for step in follow_conditions("default", self.courses, by_key, now, lambda _: silenced):
            self.courses.pop(step.key, None)
            if step.course:
                self.courses[step.key] = step.course
            if step.notification:
                phases.append(f"{step.notification.phase.value}{' quietly' if step.notification.quiet else ''}")
        self.sent += phases
        return phases


def test_a_condition_is_sent_once_until_it_has_ended_for_a_while():
    failing = make_condition()
    observer = Observer(failing)
    assert observer.see(0 * MINUTE, failing) == ["began"]
    assert observer.see(1 * MINUTE, failing) == []
    assert observer.see(2 * MINUTE) == []
    assert observer.see(3 * MINUTE, failing) == []
    assert observer.see(4 * MINUTE) == []
    assert observer.see(18 * MINUTE) == []
    assert observer.see(19 * MINUTE) == ["ended"]
    assert observer.see(20 * MINUTE) == []


def test_another_level_is_sent_at_once_where_nothing_flaps_and_later_where_it_may():
    expiring = Observer()
    kind = EventKind.CERTIFICATE_EXPIRY
    assert expiring.see(0 * DAY, make_condition(kind, "60", None)) == ["began"]
    assert expiring.see(30 * DAY, make_condition(kind, "30", None)) == ["changed"]
    assert expiring.see(31 * DAY, make_condition(kind, "30", None)) == []
    assert expiring.see(32 * DAY) == ["ended quietly"]
    assert not expiring.courses
    failing = Observer(make_condition())
    assert failing.see(0 * MINUTE, make_condition(level="timeout")) == ["began"]
    assert failing.see(1 * MINUTE, make_condition(level="expired")) == []
    assert failing.see(16 * MINUTE, make_condition(level="expired")) == ["changed"]


def test_a_backend_that_flaps_for_a_day_is_sent_a_few_times_only():
    observer = Observer()
    for minute in range(0, 24 * 60, 20):  # fails for a minute, and works for 19
        observer.see(minute * MINUTE, make_condition())
        observer.see((minute + 1) * MINUTE, make_condition())
        observer.see((minute + 2) * MINUTE)
        observer.see((minute + 19) * MINUTE)
    assert 2 < len(observer.sent) < 8


def test_a_gateway_that_restarts_causes_no_notification():
    observer, connection = Observer(), make_condition(EventKind.GATEWAY_CONNECTION)
    assert observer.see(0 * MINUTE, connection) == []
    assert observer.see(1 * MINUTE) == []
    assert observer.courses == {}
    assert observer.see(2 * MINUTE, connection) == []
    assert observer.see(4 * MINUTE, connection) == ["began"]


def test_a_silence_delays_what_is_still_so_when_it_ends():
    observer, failing = Observer(), make_condition()
    assert observer.see(0 * MINUTE, failing, silenced=True) == []
    assert observer.see(9 * MINUTE, failing) == ["began"]
    assert observer.see(30 * MINUTE, make_condition(level="timeout"), silenced=True) == []
    assert observer.see(31 * MINUTE, make_condition(level="timeout")) == ["changed"]
    second = Observer()
    assert second.see(0 * MINUTE, failing, silenced=True) == []
    assert second.see(9 * MINUTE) == []


@pytest.mark.parametrize(
    ("days", "is_ca", "threshold"),
    [
        (61, False, None),
        (60, False, "60"),
        (31, False, "60"),
        (30, False, "30"),
        (14, False, "14"),
        (7, False, "7"),
        (1, False, "1"),
        (0.5, False, "1"),
        (-0.5, False, "0"),
        (366, True, None),
        (365, True, "365"),
        (180, True, "180"),
        (61, True, "180"),
        (60, True, "60"),
    ],
)
def test_thresholds_are_reached_one_after_the_other(days, is_ca, threshold):
    assert find_threshold(NOW + days * DAY, NOW, is_ca=is_ca) == threshold
