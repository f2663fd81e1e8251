"""
Failed sign-ins, and how long one must wait after them.
"""

import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import IPv6Address, ip_address, ip_network
from math import ceil

from holdfast.services.errors import TooManyAttempts

FREE = 4  # failures that cost nothing: people mistype
LONGEST = timedelta(minutes=1)
FORGOTTEN_AFTER = timedelta(minutes=15)
MAX_KEYS = 10_000
HOST_PREFIX = 64  # bits of an IPv6 address: a host gets at least as many addresses (RFC 6177)


def client_key(host: str) -> str:
    """
    Name what counts as one client: an IPv4 address, or the /64 of an IPv6 address; what is no address, as it is.

    An IPv4 address within an IPv6 one (`::ffff:192.0.2.1`, what a socket for both says) is that IPv4 address.
    """
    try:
        address = ip_address(host)
    except ValueError:
        return host
    if not isinstance(address, IPv6Address):
        return str(address)
    if address.ipv4_mapped:
        return str(address.ipv4_mapped)
    return str(ip_network((int(address), HOST_PREFIX), strict=False))


@dataclass(slots=True)
class _Failures:
    count: int
    last: datetime

    @property
    def next_at(self) -> datetime:
        """When the next attempt may be made, once there were more than the free ones."""
        doubled = min(
            self.count - FREE - 1, 10
        )  # no more: a script that never stops would count beyond what a timedelta holds
        return self.last + min(timedelta(seconds=2**doubled), LONGEST)


class Attempts:
    """
    Counts failures by key (a user name, a client); each failure beyond the free ones doubles the wait.

    Each method is one step, whatever other threads do.
    """

    def __init__(self) -> None:
        self._failures: dict[str, _Failures] = {}
        self._lock = threading.RLock()

    def refuse_early(self, keys: Iterable[str], now: datetime) -> None:
        """Raise TooManyAttempts when it is too early for one of *keys*."""
        with self._lock:
            # Attempts at once come in another order than their times: one within the free ones is never too early.
            over = [failures for key in keys if (failures := self._failures.get(key)) and failures.count > FREE]
            waits = [failures.next_at - now for failures in over]
        if waits and (longest := max(waits)) > timedelta():
            raise TooManyAttempts(ceil(longest.total_seconds()))

    def begin(self, keys: Sequence[str], now: datetime) -> None:
        """
        Count an attempt as failed before it is judged, so that many at once are no more than many in a row.

        `forget` takes it back. Raises TooManyAttempts and counts nothing when it is too early.
        """
        with self._lock:
            self.refuse_early(keys, now)
            self.count_failure(keys, now)

    def judge(self, keys: Sequence[str], now: datetime, *, right: bool) -> None:
        """
        Count an attempt that was right or not; if it was right, the failures of the first key are forgotten.

        Raises TooManyAttempts when it is too early, so that it says nothing about the attempt.
        """
        with self._lock:
            self.refuse_early(keys, now)
            if right:
                self.forget(keys[:1])
            else:
                self.count_failure(keys, now)

    def count_failure(self, keys: Iterable[str], now: datetime) -> None:
        """Count a failure for each of *keys*."""
        with self._lock:
            for key in keys:
                failures = self._failures.setdefault(key, _Failures(0, now))
                if now - failures.last > FORGOTTEN_AFTER:
                    failures.count = 0
                failures.count += 1
                failures.last = now
            while len(self._failures) > MAX_KEYS:
                self._failures.pop(next(iter(self._failures)))

    def forget(self, keys: Iterable[str]) -> None:
        """Forget the failures of *keys*."""
        with self._lock:
            for key in keys:
                self._failures.pop(key, None)
