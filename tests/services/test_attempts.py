"""Who guesses passwords waits longer and longer."""

from datetime import UTC, datetime, timedelta

import pytest

from holdfast.services.attempts import FORGOTTEN_AFTER, FREE, LONGEST, MAX_KEYS, Attempts
from holdfast.services.errors import TooManyAttempts

NOW = datetime(2026, 6, 1, tzinfo=UTC)
KEYS = ("name anna", "client 10.0.0.1")


@pytest.fixture
def attempts():
    return Attempts()


def wait(attempts, now, keys=KEYS):
    """Say for how many seconds an attempt is refused."""
    try:
        attempts.refuse_early(keys, now)
    except TooManyAttempts as refusal:
        return refusal.seconds
    return 0


def fail(attempts, times, now=NOW, keys=KEYS):
    for _ in range(times):
        attempts.failed(keys, now)


def test_people_who_mistype_do_not_wait(attempts):
    fail(attempts, FREE)
    assert wait(attempts, NOW) == 0


def test_each_failure_beyond_the_free_ones_doubles_the_wait(attempts):
    fail(attempts, FREE)
    waits = []
    for _ in range(8):
        fail(attempts, 1)
        waits.append(wait(attempts, NOW))
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60]


def test_the_wait_ends_by_itself(attempts):
    fail(attempts, FREE + 4)
    assert wait(attempts, NOW + timedelta(seconds=7.1)) == 1
    assert wait(attempts, NOW + timedelta(seconds=8)) == 0


def test_thousands_of_failures_never_lock_anybody_out_for_good(attempts):
    fail(attempts, 5000)
    assert wait(attempts, NOW) == LONGEST.total_seconds()
    assert wait(attempts, NOW + LONGEST) == 0


def test_failures_are_forgotten_after_a_while(attempts):
    fail(attempts, FREE + 4)
    later = NOW + FORGOTTEN_AFTER + timedelta(seconds=1)
    fail(attempts, 1, later)
    assert wait(attempts, later) == 0


def test_success_forgets_the_failures(attempts):
    fail(attempts, FREE + 4)
    attempts.succeeded(KEYS)
    assert wait(attempts, NOW) == 0


def test_names_and_addresses_are_counted_each_on_its_own(attempts):
    for number in range(FREE + 1):
        attempts.failed(("name anna", f"client 10.0.0.{number}"), NOW)
    assert wait(attempts, NOW, ("name anna", "client 10.0.0.99")) == 1
    assert wait(attempts, NOW, ("name otto", "client 10.0.0.1")) == 0


def test_an_endless_list_of_names_does_not_fill_the_memory_and_spares_who_failed_last(attempts):
    for number in range(MAX_KEYS + 10):
        attempts.failed((f"name {number}",), NOW)
    fail(attempts, FREE + 1, keys=("name anna",))
    assert wait(attempts, NOW, ("name anna",)) == 1
