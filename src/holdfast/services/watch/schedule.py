"""
When backends are checked. The times follow from the origin and the clock, so nothing is stored for a check.
"""

import hashlib
from datetime import UTC, datetime, timedelta
from math import floor

from holdfast.store.watch.watched_endpoints import Place

JITTER = 0.1  # of the interval
FIRST_RETRY = timedelta(minutes=5)
LONGEST_RETRY = timedelta(days=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def find_last_slot(place: Place, interval: timedelta, now: datetime) -> datetime:
    """
    Return the last time, not after *now*, at which the backend at *place* is due.

    Origins are spread evenly over the *interval*; the time of each varies by up to a tenth of the interval, so that
    checks never fall into step with something that the backend does regularly.
    """
    seconds = interval.total_seconds()
    number = floor((now - _EPOCH).total_seconds() / seconds)
    slots = (_find_slot(place, seconds, slot) for slot in (number + 1, number, number - 1, number - 2))
    return next(slot for slot in slots if slot <= now)


def _find_slot(place: Place, seconds: float, number: int) -> datetime:
    offset = _compute_fraction(*place) + JITTER * _compute_fraction(*place, str(number))
    return _EPOCH + timedelta(seconds=(number + offset) * seconds)


def _compute_fraction(*values: str) -> float:
    digest = hashlib.blake2b("\n".join(values).encode(), digest_size=8).digest()
    return int.from_bytes(digest) / 2**64


def retry_after(attempts: int) -> timedelta:
    """Return how long to wait after so many failed *attempts* in a row: five minutes, doubled up to a day."""
    return min(timedelta(seconds=FIRST_RETRY.total_seconds() * 2.0 ** min(attempts - 1, 20)), LONGEST_RETRY)
