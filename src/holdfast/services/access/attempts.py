"""
Failed sign-in attempts, and the wait that follows them.
"""

import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import IPv6Address, ip_address, ip_network
from math import ceil

from holdfast.services.errors import TooManyAttempts

FREE = 4  # failures without a wait, because people mistype
LONGEST = timedelta(minutes=1)
FORGOTTEN_AFTER = timedelta(minutes=15)
MAX_KEYS = 10_000
HOST_PREFIX = 64  # bits of an IPv6 address; sites get at least a /64 (RFC 6177)


def client_key(host: str) -> str:
    """
    Return the name under which *host* is counted: an IPv4 address, or the /64 of an IPv6 address.

    An IPv4-mapped address (`::ffff:192.0.2.1`, as dual-stack sockets report it) counts as the IPv4 address. A host
    that isn't an address is returned unchanged.
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
        """When the next attempt is allowed, once the free ones are used up."""
        doubled = min(self.count - FREE - 1, 10)  # bounded: a script that never stops would overflow a timedelta
        return self.last + min(timedelta(seconds=2**doubled), LONGEST)


class Attempts:
    """
    Counts failures by key (a user name, a client); each failure beyond the free ones doubles the wait.

    Each method is atomic.
    """

    def __init__(self) -> None:
        self._failures: dict[str, _Failures] = {}
        self._lock = threading.RLock()

    def refuse_early(self, keys: Iterable[str], now: datetime) -> None:
        """Raise TooManyAttempts if it is too early for one of *keys*."""
        with self._lock:
            # Concurrent attempts may arrive out of order, so an attempt within the free ones is never too early.
            over = [failures for key in keys if (failures := self._failures.get(key)) and failures.count > FREE]
            waits = [failures.next_at - now for failures in over]
        if waits and (longest := max(waits)) > timedelta():
            raise TooManyAttempts(ceil(longest.total_seconds()))

    def begin(self, keys: Sequence[str], now: datetime) -> None:
        """
        Count an attempt as failed before its outcome is known, so that concurrent attempts gain nothing.

        `forget` takes it back. Raises TooManyAttempts, and counts nothing, if it is too early.
        """
        with self._lock:
            self.refuse_early(keys, now)
            self.count_failure(keys, now)

    def judge(self, keys: Sequence[str], now: datetime, *, right: bool) -> None:
        """
        Count the attempt as failed, or, if it was *right*, forget the failures of the first key.

        Raises TooManyAttempts if it is too early, so that callers don't learn whether the attempt was right.
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
