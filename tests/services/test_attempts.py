"""Clients that guess passwords wait longer and longer."""

import hashlib
import itertools
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import hypothesis
import pytest
from hypothesis import HealthCheck
from hypothesis import strategies as st
from sqlalchemy import func, select

from holdfast.services.access.attempts import (
    CHEAP_PER_SECOND,
    FORGOTTEN_AFTER,
    FREE,
    LONGEST,
    MAX_KEYS,
    Attempts,
    make_client_key,
)
from holdfast.services.errors import TooManyAttempts
from holdfast.services.retention import forget_old_rows
from holdfast.store.errors import StoreFull
from holdfast.store.sealing import Sealing
from holdfast.store.tables import FailedAttemptRow

pytestmark = pytest.mark.long

NOW = datetime(2026, 6, 1, tzinfo=UTC)
SEALING = Sealing(lambda: (b"k" * 32,))
KEYS = ("name anna", "client 10.0.0.1")


@pytest.fixture
def attempts(store):
    return Attempts(store, SEALING)


@pytest.fixture
def elsewhere(store):
    """The attempts at another control plane of the same database."""
    return Attempts(store, SEALING)


@pytest.fixture
def wait(store):
    """Return for how many seconds an attempt is rejected."""

    def wait(attempts, now, keys=KEYS):
        try:
            with store.read() as session:
                attempts.refuse_early(session, keys, now)
        except TooManyAttempts as refusal:
            return refusal.seconds
        return 0

    return wait


def fail(attempts, times, now=NOW, keys=KEYS):
    for _ in range(times):
        attempts.count_failure(keys, now)


def begin(attempts, now=NOW, keys=KEYS):
    """Begin an attempt, and return what ends it; None if it is too early."""
    attempt = ExitStack()
    try:
        attempt.enter_context(attempts.attempt(keys, now))
    except TooManyAttempts:
        return None
    return attempt


def succeed(attempts, now=NOW, keys=KEYS):
    with attempts.attempt(keys, now) as right:
        right()


def test_people_who_mistype_do_not_wait(attempts, wait):
    fail(attempts, FREE)
    assert wait(attempts, NOW) == 0


def test_each_failure_beyond_the_free_ones_doubles_the_wait(attempts, wait):
    fail(attempts, FREE)
    waits = []
    for _ in range(8):
        fail(attempts, 1)
        waits.append(wait(attempts, NOW))
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60]


def test_the_wait_ends_after_its_time(attempts, wait):
    fail(attempts, FREE + 4)
    assert wait(attempts, NOW + timedelta(seconds=7.1)) == 1
    assert wait(attempts, NOW + timedelta(seconds=8)) == 0


def test_thousands_of_failures_lock_nobody_out_for_good(attempts, wait):
    fail(attempts, 5000)
    assert wait(attempts, NOW) == LONGEST.total_seconds()
    assert wait(attempts, NOW + LONGEST) == 0


def test_failures_are_forgotten_after_a_while(attempts, wait):
    fail(attempts, FREE + 4)
    later = NOW + FORGOTTEN_AFTER + timedelta(seconds=1)
    fail(attempts, 1, later)
    assert wait(attempts, later) == 0


def test_a_clock_that_was_a_day_ahead_locks_nobody_out(attempts, elsewhere, wait):
    ahead = NOW + timedelta(days=1)
    for control_plane in (attempts, elsewhere):
        fail(control_plane, FREE + 4, ahead)
        assert wait(control_plane, ahead) > 0
        assert wait(control_plane, NOW) == 0
    fail(attempts, FREE + 1)
    assert wait(elsewhere, NOW) == 1


def test_success_forgets_the_failures_at_every_control_plane(attempts, elsewhere, wait):
    fail(attempts, FREE)
    succeed(elsewhere)
    fail(attempts, FREE)
    assert (wait(attempts, NOW), wait(elsewhere, NOW)) == (0, 0)


def test_names_and_addresses_are_counted_separately(attempts, wait):
    for number in range(FREE + 1):
        attempts.count_failure(("name anna", f"client 10.0.0.{number}"), NOW)
    assert wait(attempts, NOW, ("name anna", "client 10.0.0.99")) == 1
    assert wait(attempts, NOW, ("name otto", "client 10.0.0.1")) == 0


def test_concurrent_attempts_gain_nothing_over_sequential_ones(attempts, wait):
    with ThreadPoolExecutor(16) as pool:
        open_attempts = [attempt for attempt in pool.map(lambda _: begin(attempts), range(200)) if attempt]
    assert len(open_attempts) == FREE + 1
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(ExitStack.close, open_attempts))
    assert wait(attempts, NOW) == 1


def test_failures_at_one_control_plane_delay_attempts_at_all(attempts, elsewhere, wait):
    for control_plane in (attempts, elsewhere, attempts, elsewhere, attempts):
        begin(control_plane).close()
    assert (wait(attempts, NOW), wait(elsewhere, NOW)) == (1, 1)
    assert begin(elsewhere) is None
    second = begin(elsewhere, NOW + timedelta(seconds=1))  # counted before anyone knows whether it is right
    assert begin(attempts, NOW + timedelta(seconds=1)) is None
    second.close()
    assert wait(attempts, NOW + timedelta(seconds=1)) == 2


def test_an_attempt_that_is_right_costs_no_write_unless_some_failed(attempts, store, monkeypatch):
    fail(attempts, 1, keys=("client 10.0.0.2",))
    monkeypatch.setattr(store, "note", None)  # calling it fails
    succeed(attempts)
    attempts.judge(("application a", "client 10.0.0.2"), NOW, right=True)


def test_nobody_can_guess_from_the_database_what_was_typed(attempts, store):
    text = "name the password in the wrong field"
    fail(attempts, 1, keys=(text,))
    with store.read() as session:
        (key,) = session.scalars(select(FailedAttemptRow.key))
    assert key == SEALING.digest(text)
    assert key not in {hashlib.sha256(text.encode()).hexdigest(), Sealing(lambda: ()).digest(text)}


def count_rows(store):
    with store.read() as session:
        return session.scalar(select(func.count()).select_from(FailedAttemptRow))


def test_rows_are_deleted_once_their_failures_are_forgotten(attempts, store):
    for number in range(10):
        begin(attempts, keys=(f"name {number}", f"client {number}")).close()
    assert count_rows(store) == 20
    later = NOW + FORGOTTEN_AFTER + timedelta(seconds=1)
    for seconds in range(3):
        begin(attempts, later + timedelta(seconds=seconds)).close()
    assert count_rows(store) == len(KEYS)
    forget_old_rows(store, later + FORGOTTEN_AFTER + timedelta(minutes=1))
    assert count_rows(store) == 0


def test_a_flood_of_cheap_failures_is_stored_in_part_and_counted_in_full(attempts, store, wait):
    for number in range(MAX_KEYS + 10):
        attempts.count_failure((f"name {number}",), NOW)
    assert count_rows(store) == CHEAP_PER_SECOND
    fail(attempts, FREE + 1, keys=("name anna",))
    assert wait(attempts, NOW, ("name anna",)) == 1
    attempts.count_failure(("name otto",), NOW + timedelta(seconds=1))
    assert count_rows(store) == CHEAP_PER_SECOND + 1


def test_failures_count_although_they_can_not_be_stored(attempts, store, monkeypatch, wait):
    def full(topic):
        raise StoreFull(Path("holdfast.sqlite"), f"no space for {topic}")

    monkeypatch.setattr(store, "note", full)
    for _ in range(FREE + 1):
        begin(attempts).close()
    assert wait(attempts, NOW) == 1
    begin(attempts, NOW + timedelta(seconds=1)).close()
    assert wait(attempts, NOW + timedelta(seconds=1)) == 2
    succeed(attempts, NOW + timedelta(seconds=3))
    assert wait(attempts, NOW + timedelta(seconds=3)) == 0


def test_an_early_attempt_does_not_reveal_whether_it_was_right(attempts, wait):
    for _ in range(FREE + 1):
        attempts.judge(KEYS, NOW, right=False)
    with pytest.raises(TooManyAttempts):
        attempts.judge(KEYS, NOW, right=True)
    attempts.judge(KEYS, NOW + timedelta(seconds=1), right=True)
    assert wait(attempts, NOW, KEYS[:1]) == 0
    assert wait(attempts, NOW, KEYS[1:]) == 1  # a client that knows one secret may still guess others


def count_guesses(seconds):
    """Return how many guesses one control plane allows within *seconds*."""
    waits = (min(2**number, LONGEST.total_seconds()) for number in itertools.count())
    return FREE + 1 + sum(1 for _ in itertools.takewhile(lambda at: at <= seconds, itertools.accumulate(waits)))


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("begin"), st.integers(0, 1)),
        st.tuples(st.just("end"), st.integers(0, 20)),
        st.tuples(st.just("wait"), st.sampled_from([0.5, 1, 2, 4, 8, 16, 32, 60])),
    ),
    max_size=60,
)


@hypothesis.given(STEPS)
@hypothesis.settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_two_control_planes_allow_few_more_guesses_than_one(store, steps):
    keys = (str(uuid.uuid4()),)
    control_planes, seconds, guesses, open_attempts = (Attempts(store, SEALING), Attempts(store, SEALING)), 0.0, 0, []
    for step, value in steps:
        if step == "wait":
            seconds += value
        elif step == "end" and open_attempts:
            open_attempts.pop(value % len(open_attempts)).close()
        elif step == "begin":
            attempt = begin(control_planes[value], NOW + timedelta(seconds=seconds), keys)
            if attempt:
                guesses += 1
                open_attempts.append(attempt)
    for attempt in open_attempts:
        attempt.close()
    hypothesis.assume(seconds < FORGOTTEN_AFTER.total_seconds())
    assert guesses <= count_guesses(seconds) + FREE + 1


@pytest.mark.parametrize(
    ("host", "key"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("::FFFF:c000:201", "192.0.2.1"),
        ("2001:db8::1", "2001:db8::/64"),
        ("2001:DB8:0:0:ffff::1", "2001:db8::/64"),
        ("2001:db8:0:1::1", "2001:db8:0:1::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::1", "::/64"),
        ("unknown", "unknown"),
        ("", ""),
    ],
)
def test_a_client_is_an_ipv4_address_or_an_ipv6_network(host, key):
    assert make_client_key(host) == key


def test_an_attempt_that_began_before_another_is_not_too_early(attempts):
    assert begin(attempts)
    assert begin(attempts, NOW - timedelta(milliseconds=1))
