"""
Log lines and audit events for failed sign-ins, limited in number so that nobody can fill the disk.

Only names of existing users are logged, because people sometimes type their password into the name field (OWASP
Logging Cheat Sheet, "Data to exclude"). Passwords and tokens never get here.
"""

import asyncio
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import partial

import structlog
from sqlalchemy.orm import Session

from holdfast.apis.catalog.api import DEFAULT_ORGANIZATION
from holdfast.services.access.attempts import make_client_key
from holdfast.services.access.audit import write_down
from holdfast.services.access.principal import Principal
from holdfast.services.errors import (
    JoinRefused,
    ProviderSignInRefused,
    SignInRefused,
    TokenRefused,
    TooManyAttempts,
)
from holdfast.store.access import accounts
from holdfast.store.audit import Action
from holdfast.store.audit_of_users import FailedSignIn
from holdfast.store.database import Store
from holdfast.store.errors import StoreFailure
from holdfast.work.threads import run_to_end

log = structlog.get_logger()
UNKNOWN_USER = "unknown user"
WRITE_EVERY = 1.0  # seconds
# Of all control planes together: each of n writes events of a kind n times as seldom, and the n-th part of all.
PAUSE = timedelta(minutes=1)  # between events with the same way, reason, user and address
MAX_EVENTS = 60  # within a PAUSE, over all kinds
MAX_WAITING = 500  # kinds of failure counted separately until they are written
MAX_NAME = 200  # characters; no user name is longer


class Way(StrEnum):
    """The way in which a client tried to sign in."""

    PAGE = "page"
    BASIC = "HTTP Basic"
    TOKEN = "token"  # noqa: S105 - a name, not a secret
    APPLICATION = "application"
    PASSWORD_GRANT = "password grant"  # noqa: S105
    REFRESH_TOKEN = "refresh token"  # noqa: S105
    SINGLE_SIGN_ON = "single sign-on"
    JOINING_GATEWAY = "gateway join"
    PASSWORD_CHANGE = "change of password"  # noqa: S105


_REASONS: dict[type[Exception], str] = {
    SignInRefused: "wrong name or password",
    TokenRefused: "unknown or expired",
    ProviderSignInRefused: "refused",
    JoinRefused: "unknown, expired or used",
    TooManyAttempts: "too many attempts",
}


@dataclass(frozen=True, slots=True)
class _Attempt:
    way: Way
    reason: str
    address: str  # empty: there are too many kinds to count it separately
    name: str = ""  # as typed


@dataclass(frozen=True, slots=True)
class _Kind:
    """Failures that are counted together; *client* is as in `make_client_key`."""

    way: Way
    reason: str
    client: str
    organization: str
    user: str  # empty: no such user


@dataclass(slots=True)
class _Window:
    address: str
    next_at: datetime
    count: int = 0


class FailedSignIns:
    """Counts failures, in any thread; only one thread at a time may call `write`."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._attempts: Counter[_Attempt] = Counter()
        self._windows: dict[_Kind, _Window] = {}
        self._write_times: deque[datetime] = deque(maxlen=MAX_EVENTS)

    @contextmanager
    def watch(self, way: Way, address: str, name: str = "") -> Iterator[None]:
        """Count a sign-in that fails within the block; *name* is what was typed, and can be anything."""
        try:
            yield
        except tuple(_REASONS) as error:
            self.add(way, address, name, _REASONS[type(error)])
            raise

    def add(self, way: Way, address: str, name: str = "", reason: str = _REASONS[TokenRefused]) -> None:
        """Count a failed sign-in."""
        attempt = _Attempt(way, reason, address, name if len(name) <= MAX_NAME else "")
        with self._lock:
            if attempt not in self._attempts and len(self._attempts) >= MAX_WAITING:
                attempt = _Attempt(way, reason, "")
            self._attempts[attempt] += 1

    async def follow(self, store: Store, now: Callable[[], datetime], control_planes: Callable[[], int]) -> None:
        """Write what is due every second, until cancelled; *control_planes* returns how many share the database."""
        while True:
            # To its end, because `write` is called once more when the process ends.
            await run_to_end(None, partial(self.write, store, now(), control_planes=control_planes()))
            await asyncio.sleep(WRITE_EVERY)

    def write(self, store: Store, now: datetime, *, control_planes: int = 1, everything: bool = False) -> None:
        """Write log lines and audit events that are due, or *everything* when the process ends."""
        with self._lock:
            attempts, self._attempts = self._attempts, Counter()
        if attempts:
            with store.read() as session:
                for attempt, count in attempts.items():
                    self._count(session, attempt, count, now)
        # The longest waiting first; otherwise, constant failures of some would hide those of all others.
        waiting = sorted(self._windows.items(), key=lambda item: item[1].next_at)
        due = {
            kind: window
            for kind, window in waiting
            if window.count and (everything or (now >= window.next_at and self._may_write(now, control_planes)))
        }
        for kind, window in due.items():
            _log(kind, window)
        with suppress(StoreFailure):  # the log has them, and a full disk must not stop anything else
            self._record(store, due, now)
        for window in due.values():
            window.count, window.next_at = 0, now + PAUSE * control_planes
        self._windows = {kind: window for kind, window in self._windows.items() if window.count or now < window.next_at}

    def _count(self, session: Session, attempt: _Attempt, count: int, now: datetime) -> None:
        user = accounts.get_user_by_name(session, attempt.name) if attempt.name else None
        organization = user.organization if user else DEFAULT_ORGANIZATION
        client = make_client_key(attempt.address)
        kind = _Kind(attempt.way, attempt.reason, client, organization, user.name if user else "")
        if kind not in self._windows and len(self._windows) >= MAX_WAITING:
            kind = _Kind(attempt.way, attempt.reason, "", DEFAULT_ORGANIZATION, "")
        window = self._windows.setdefault(kind, _Window(attempt.address, now))
        window.address = attempt.address if kind.client else ""
        window.count += count

    def _may_write(self, now: datetime, control_planes: int) -> bool:
        recent = sum(1 for at in self._write_times if now - at < PAUSE)
        if recent >= max(MAX_EVENTS // control_planes, 1):
            return False
        self._write_times.append(now)
        return True

    def _record(self, store: Store, due: dict[_Kind, _Window], now: datetime) -> None:
        if not due:
            return
        with store.write() as session:
            for kind, window in due.items():
                if kind.organization in accounts.list_organizations(session):
                    user = Principal(kind.organization, "", address=window.address or None)
                    details = FailedSignIn(kind.way, kind.reason, window.count, several=not window.address)
                    write_down(session, user, now, Action.FAIL_TO_SIGN_IN, kind.user or UNKNOWN_USER, details)


def _log(kind: _Kind, window: _Window) -> None:
    log.warning(
        "failed sign-in",
        way=kind.way.value,
        reason=kind.reason,
        user=kind.user or UNKNOWN_USER,
        address=window.address or "several",
        count=window.count,
    )
