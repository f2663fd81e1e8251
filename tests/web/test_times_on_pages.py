"""Times on pages: relative or exact, always with their zone, and always the same element."""

from datetime import UTC, datetime, timedelta

import pytest

from holdfast.web.times import describe_days_left, describe_relative, mark_up, rate_days_left

NOW = datetime(2026, 11, 29, 12, 0, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.mark.parametrize(
    ("distance", "past", "future"),
    [
        (timedelta(seconds=9), "just now", "now"),
        (timedelta(seconds=59), "50 s ago", "in 50 s"),
        (timedelta(seconds=60), "1 min ago", "in 1 min"),
        (HOUR - timedelta(seconds=1), "59 min ago", "in 59 min"),
        (HOUR, "1 h ago", "in 1 h"),
        (DAY - timedelta(seconds=1), "23 h ago", "in 23 h"),
        (DAY, "1 day ago", "in 1 day"),
        (30 * DAY - timedelta(seconds=1), "29 days ago", "in 29 days"),
        (30 * DAY, "2026-10-30", "2026-12-29"),
    ],
)
def test_a_time_is_described_by_its_distance_or_else_its_date(distance, past, future):
    assert describe_relative(NOW - distance, NOW) == past
    assert describe_relative(NOW + distance, NOW) == future


@pytest.mark.parametrize(
    ("duration", "words", "kind"),
    [
        (40 * DAY, "40 days left", "quiet"),
        (29 * DAY, "29 days left", "soon"),
        (7 * DAY, "7 days left", "soon"),
        (DAY, "1 day left", "bad"),
        (HOUR, "Expires today", "bad"),
        (-HOUR, "Expired today", "bad"),
        (-DAY, "Expired 1 day ago", "bad"),
        (-3 * DAY - HOUR, "Expired 3 days ago", "bad"),
    ],
)
def test_the_days_left_are_counted_and_rated(duration, words, kind):
    assert (describe_days_left(NOW + duration, NOW), rate_days_left(NOW + duration, NOW)) == (words, kind)


def test_times_and_fingerprints_in_sentences_become_elements():
    html = mark_up(f"Off until 2026-11-29 20:00 UTC for <b> {'ab' * 32}", NOW)
    assert 'Off until <local-time form="exact"><time datetime="2026-11-29T20:00:00+00:00" title="in 8 h">' in html
    assert "&lt;b&gt; <code>AB:<wbr>AB" in html
