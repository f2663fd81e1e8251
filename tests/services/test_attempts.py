"""Clients that guess passwords wait longer and longer."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from holdfast.services.access.attempts import (
    FORGOTTEN_AFTER,
    FREE,
    LONGEST,
    MAX_KEYS,
    Attempts,
    client_key,
)
from holdfast.services.errors import TooManyAttempts

NOW = datetime(2026, 6, 1, tzinfo=UTC)
KEYS = ("name anna", "client 10.0.0.1")


@pytest.fixture
def attempts():
    return Attempts()


def wait(attempts, now, keys=KEYS):
    """Return for how many seconds an attempt is rejected."""
    try:
        attempts.refuse_early(keys, now)
    except TooManyAttempts as refusal:
        return refusal.seconds
    return 0


def fail(attempts, times, now=NOW, keys=KEYS):
    for _ in range(times):
        attempts.count_failure(keys, now)


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


def test_the_wait_ends_after_its_time(attempts):
    fail(attempts, FREE + 4)
    assert wait(attempts, NOW + timedelta(seconds=7.1)) == 1
    assert wait(attempts, NOW + timedelta(seconds=8)) == 0


def test_thousands_of_failures_lock_nobody_out_for_good(attempts):
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
    attempts.forget(KEYS)
    assert wait(attempts, NOW) == 0


def test_names_and_addresses_are_counted_separately(attempts):
    for number in range(FREE + 1):
        attempts.count_failure(("name anna", f"client 10.0.0.{number}"), NOW)
    assert wait(attempts, NOW, ("name anna", "client 10.0.0.99")) == 1
    assert wait(attempts, NOW, ("name otto", "client 10.0.0.1")) == 0


def test_an_endless_list_of_names_is_bounded_and_keeps_the_latest_failures(attempts):
    for number in range(MAX_KEYS + 10):
        attempts.count_failure((f"name {number}",), NOW)
    fail(attempts, FREE + 1, keys=("name anna",))
    assert wait(attempts, NOW, ("name anna",)) == 1


def test_concurrent_attempts_gain_nothing_over_sequential_ones(attempts):
    def begun(_):
        try:
            attempts.begin(KEYS, NOW)
        except TooManyAttempts:
            return False
        return True

    with ThreadPoolExecutor(16) as pool:
        assert sum(pool.map(begun, range(200))) == FREE + 1
    attempts.forget(KEYS)
    assert begun(0)


def test_an_early_attempt_does_not_reveal_whether_it_was_right(attempts):
    for _ in range(FREE + 1):
        attempts.judge(KEYS, NOW, right=False)
    with pytest.raises(TooManyAttempts):
        attempts.judge(KEYS, NOW, right=True)
    attempts.judge(KEYS, NOW + timedelta(seconds=1), right=True)
    assert wait(attempts, NOW, KEYS[:1]) == 0
    assert wait(attempts, NOW, KEYS[1:]) == 1  # a client that knows one secret may still guess others


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
    assert client_key(host) == key


def test_an_attempt_that_began_before_another_is_not_too_early(attempts):
    attempts.begin(KEYS, NOW)
    attempts.begin(KEYS, NOW - timedelta(milliseconds=1))
