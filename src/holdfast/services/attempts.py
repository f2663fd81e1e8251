"""
Failed sign-ins, and how long one must wait after them.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil

from holdfast.services.errors import TooManyAttempts

FREE = 4  # failures that cost nothing: people mistype
LONGEST = timedelta(minutes=1)
FORGOTTEN_AFTER = timedelta(minutes=15)
MAX_KEYS = 10_000


@dataclass(slots=True)
class _Failures:
    count: int
    last: datetime

    @property
    def next_at(self) -> datetime:
        over = self.count - FREE
        if over <= 0:
            return self.last
        doubled = min(over - 1, 10)  # no more: a script that never stops would count beyond what a timedelta holds
        return self.last + min(timedelta(seconds=2**doubled), LONGEST)


class Attempts:
    """Counts failures by key (a user name, an address); each failure beyond the free ones doubles the wait."""

    def __init__(self) -> None:
        self._failures: dict[str, _Failures] = {}

    def refuse_early(self, keys: Iterable[str], now: datetime) -> None:
        """Raise TooManyAttempts when it is too early for one of *keys*."""
        waits = [failures.next_at - now for key in keys if (failures := self._failures.get(key))]
        if waits and (longest := max(waits)) > timedelta():
            raise TooManyAttempts(ceil(longest.total_seconds()))

    def failed(self, keys: Iterable[str], now: datetime) -> None:
        """Count a failure for each of *keys*."""
        for key in keys:
            failures = self._failures.setdefault(key, _Failures(0, now))
            if now - failures.last > FORGOTTEN_AFTER:
                failures.count = 0
            failures.count += 1
            failures.last = now
        while len(self._failures) > MAX_KEYS:
            self._failures.pop(next(iter(self._failures)))

    def succeeded(self, keys: Iterable[str]) -> None:
        """Forget the failures of *keys*."""
        for key in keys:
            self._failures.pop(key, None)
