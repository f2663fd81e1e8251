"""
Failed sign-in attempts, and the wait that follows them.
"""

import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from ipaddress import IPv6Address, ip_address, ip_network
from math import ceil

from sqlalchemy.orm import Session

from holdfast.services.errors import TooManyAttempts
from holdfast.store.access import failed_attempts
from holdfast.store.access.failed_attempts import FORGOTTEN_AFTER, FailureCount
from holdfast.store.database import Store
from holdfast.store.errors import StoreFailure
from holdfast.store.sealing import Sealing
from holdfast.store.topics import Topic

FREE = 4  # failures without a wait, because people mistype
LONGEST = timedelta(minutes=1)
MAX_KEYS = 10_000  # in memory
CHEAP_PER_SECOND = 20  # failures of secrets that nobody can guess; further ones are counted in memory only
HOST_PREFIX = 64  # bits of an IPv6 address; sites get at least a /64 (RFC 6177)


def make_client_key(host: str) -> str:
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


class Attempts:
    """
    Counts failures by key (a user name, a client); each failure beyond the free ones doubles the wait.

    Control planes count together, in the database. Attempts whose outcome isn't known yet are counted in memory, so
    that concurrent ones gain nothing, and so are failures that couldn't be stored. Beyond the free ones, an attempt is
    stored before its outcome is known, so that control planes don't each allow one. Several of them together allow at
    most FREE + 1 attempts more than one, for each further control plane.
    """

    def __init__(self, store: Store, sealing: Sealing) -> None:
        """*sealing* makes digests of keys: people type passwords into the user name field."""
        self._store = store
        self._sealing = sealing
        self._unstored_failures: dict[str, FailureCount] = {}
        self._lock = threading.RLock()
        self._second: datetime | None = None  # when the current second of CHEAP_PER_SECOND began
        self._cheap = 0

    def refuse_early(self, session: Session, keys: Collection[str], now: datetime) -> None:
        """Raise TooManyAttempts if it is too early for one of *keys*."""
        digests = self._hash_keys(keys)
        _refuse_early(failed_attempts.list_by_key(session, digests, now), self._find_unstored(digests, now), now)

    @contextmanager
    def attempt(self, keys: Sequence[str], now: datetime, *, cheap: bool = False) -> Iterator[Callable[[], None]]:
        """
        Count the attempt in the block as failed, unless the block calls the function that it gets.

        That function forgets all failures of *keys*. An attempt is *cheap* if nothing slow, such as hashing a password,
        limits the number of attempts. Raises TooManyAttempts, and counts nothing, if it is too early.
        """
        digests = self._hash_keys(keys)
        failures, claims = self._begin(digests, now, cheap=cheap)
        outcomes: list[bool] = []
        try:
            yield lambda: outcomes.append(True)
        finally:
            if outcomes:
                self._forget(digests, {*failures, *claims})
            else:
                self._store_failures([key for key in digests if key not in claims], now, cheap=cheap)

    def judge(self, keys: Sequence[str], now: datetime, *, right: bool) -> None:
        """
        Count a cheap attempt as failed, or, if it was *right*, forget the failures of the first key.

        Raises TooManyAttempts if it is too early, so that callers don't learn whether the attempt was right.
        """
        if not right:
            with self.attempt(keys, now, cheap=True):
                return
        digests = self._hash_keys(keys)
        with self._store.read() as session:
            failures = failed_attempts.list_by_key(session, digests, now)
        _refuse_early(failures, self._find_unstored(digests, now), now)
        self._forget(digests[:1], [key for key in digests[:1] if key in failures])

    def count_failure(self, keys: Sequence[str], now: datetime) -> None:
        """Count a cheap failure for each of *keys*."""
        digests = self._hash_keys(keys)
        self._remember(digests, now)
        self._store_failures(digests, now, cheap=True)

    def _hash_keys(self, keys: Iterable[str]) -> list[str]:
        return [self._sealing.digest(key) for key in keys]

    def _begin(
        self, keys: Sequence[str], now: datetime, *, cheap: bool
    ) -> tuple[Mapping[str, FailureCount], Collection[str]]:
        """Return what is stored for *keys*, and for which of them this attempt is now stored as failed."""
        others = self._remember(keys, now)
        try:
            with self._store.read() as session:
                stored_failures = failed_attempts.list_by_key(session, keys, now)
            _refuse_early(stored_failures, others, now)
            late = [key for key, failures in _add(stored_failures, others).items() if failures.count >= FREE]
            claims = late if late and self._may_store(now, cheap=cheap) and self._claim(late, others, now) else ()
        except BaseException:
            self._release(keys)
            raise
        self._release(claims)
        return stored_failures, claims

    def _claim(self, keys: Sequence[str], others: Mapping[str, FailureCount], now: datetime) -> bool:
        """Store the attempt as failed; return whether that was possible. Raises TooManyAttempts."""
        with suppress(StoreFailure), self._store.note(Topic.SIGN_INS) as session:
            # Another control plane may have stored one since.
            _refuse_early(failed_attempts.list_by_key(session, keys, now, to_change=True), others, now)
            failed_attempts.add(session, keys, now)
            return True
        return False

    def _store_failures(self, keys: Sequence[str], now: datetime, *, cheap: bool) -> None:
        # A full disk must not help those who guess: what can't be stored is still counted here.
        if keys and self._may_store(now, cheap=cheap):
            with suppress(StoreFailure):
                with self._store.note(Topic.SIGN_INS) as session:
                    failed_attempts.add(session, keys, now)
                self._release(keys)

    def _forget(self, keys: Collection[str], stored_keys: Collection[str]) -> None:
        with self._lock:
            for key in keys:
                self._unstored_failures.pop(key, None)
        if stored_keys:
            with suppress(StoreFailure), self._store.note(Topic.SIGN_INS) as session:
                failed_attempts.remove(session, keys)

    def _may_store(self, now: datetime, *, cheap: bool) -> bool:
        if not cheap:
            return True
        with self._lock:
            if self._second is None or abs(now - self._second) >= timedelta(seconds=1):
                self._second, self._cheap = now, 0
            self._cheap += 1
            return self._cheap <= CHEAP_PER_SECOND

    def _find_unstored(self, keys: Iterable[str], now: datetime) -> Mapping[str, FailureCount]:
        """Return the failures of *keys* that aren't stored."""
        with self._lock:
            counts = {key: failures for key in keys if (failures := self._unstored_failures.get(key))}
        return {key: failures for key, failures in counts.items() if abs(now - failures.last) <= FORGOTTEN_AFTER}

    def _remember(self, keys: Sequence[str], now: datetime) -> Mapping[str, FailureCount]:
        """Count an attempt that isn't stored, and return those before."""
        with self._lock:
            before = self._find_unstored(keys, now)
            self._unstored_failures |= _add(before, dict.fromkeys(keys, FailureCount(1, now)))
            while len(self._unstored_failures) > MAX_KEYS:
                self._unstored_failures.pop(next(iter(self._unstored_failures)))
        return before

    def _release(self, keys: Iterable[str]) -> None:
        """Stop counting an attempt in memory."""
        with self._lock:
            for key in keys:
                failures = self._unstored_failures.pop(key, None)
                if failures and failures.count > 1:
                    self._unstored_failures[key] = FailureCount(failures.count - 1, failures.last)


def _add(failures: Mapping[str, FailureCount], others: Mapping[str, FailureCount]) -> dict[str, FailureCount]:
    sums = {key: failures[key] + others[key] for key in failures.keys() & others.keys()}
    return {**failures, **others, **sums}


def _refuse_early(
    stored_failures: Mapping[str, FailureCount], others: Mapping[str, FailureCount], now: datetime
) -> None:
    # Concurrent attempts may arrive out of order, so an attempt within the free ones is never too early.
    waits = [
        _find_next_time(failures) - now for failures in _add(stored_failures, others).values() if failures.count > FREE
    ]
    if waits and (longest := max(waits)) > timedelta():
        raise TooManyAttempts(ceil(longest.total_seconds()))


def _find_next_time(failures: FailureCount) -> datetime:
    """Return when the next attempt is allowed, once the free ones are used up."""
    doublings = min(failures.count - FREE - 1, 10)  # bounded: a script that never stops would overflow a timedelta
    return failures.last + min(timedelta(seconds=2**doublings), LONGEST)
