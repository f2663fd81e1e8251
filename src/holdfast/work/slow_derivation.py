"""
Derive keys with many rounds of hashing in separate processes: few at a time, with a time limit per file.

Hashing in a thread would block all other threads (the method of PKCS#12 is a loop in Python), and couldn't be stopped.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import BoundedSemaphore, Lock
from typing import Final

from holdfast.certificates.errors import OpeningTooSlow
from holdfast.certificates.formats import hashing
from holdfast.certificates.formats.derivation import Derivation, Work
from holdfast.work.shares import Shares

SECONDS: Final = 10.0  # for all keys of a file, including waiting
MAX_WAITING: Final = 4  # files; each occupies a thread
MAX_OF_USER: Final = 2  # files per user, open or waiting, so that no user can take all places


class TooManyFiles(RuntimeError):
    """Too many files with many rounds are being opened, in total or by this user."""


class SlowDerivation:
    """Derives the keys of *at_once* files at a time, by default half the number of processors."""

    def __init__(
        self, at_once: int = 0, waiting: int = MAX_WAITING, seconds: float = SECONDS, of_user: int = MAX_OF_USER
    ) -> None:
        count = at_once or max(1, (os.cpu_count() or 1) // 2)
        self._slots = BoundedSemaphore(count)
        self._places = _Places(count + waiting, of_user)
        self._seconds = seconds

    @contextmanager
    def work(self, user: str = "", begin: Callable[[], object] = lambda: None) -> Iterator[Work]:
        """
        Yield the work of one file of *user*. Its first slow key takes a place and starts the time limit.

        *begin* is called once the file has a place, before it waits.
        """
        file = _File(self._slots, self._places, user, self._seconds, begin)
        try:
            yield Work(file.derive)
        finally:
            file.leave()


class _Places:
    """Thread-safe shares."""

    def __init__(self, total: int, of_user: int) -> None:
        self._shares, self._lock = Shares(total, of_user), Lock()

    def take(self, user: str) -> bool:
        with self._lock:
            return self._shares.take(user)

    def give_back(self, user: str) -> None:
        with self._lock:
            self._shares.give_back(user)


class _File:
    def __init__(
        self, slots: BoundedSemaphore, places: _Places, user: str, seconds: float, begin: Callable[[], object]
    ) -> None:
        self._slots = slots
        self._places = places
        self._user = user
        self._seconds = seconds
        self._begin = begin
        self._end = 0.0  # 0 until it has a place

    def derive(self, how: Derivation, purpose: int, size: int, password: str | None) -> bytes:
        """Derive a key. Raises OpeningTooSlow, TooManyFiles."""
        if not self._end:
            if not self._places.take(self._user):
                raise TooManyFiles
            self._end = time.monotonic() + self._seconds
            self._begin()
        if not self._slots.acquire(timeout=max(0.0, self._end - time.monotonic())):
            raise OpeningTooSlow(self._seconds)
        try:
            return self._run(how, purpose, size, password)
        finally:
            self._slots.release()

    def leave(self) -> None:
        """Return the place, if it has one."""
        if self._end:
            self._places.give_back(self._user)

    def _run(self, how: Derivation, purpose: int, size: int, password: str | None) -> bytes:
        request = {"digest": how.digest, "salt": how.salt.hex(), "iterations": how.iterations, "pbkdf2": how.pbkdf2}
        request |= {"purpose": purpose, "size": size, "password": password}
        # Without site packages and paths from the environment, it starts in 40 ms and runs no other code.
        command = [sys.executable, "-I", "-S", hashing.__file__]
        try:
            process = subprocess.run(  # noqa: S603 - the command has no external input
                command,
                input=json.dumps(request).encode(),
                capture_output=True,
                check=True,
                timeout=max(0.0, self._end - time.monotonic()),
            )
        except subprocess.TimeoutExpired:
            raise OpeningTooSlow(self._seconds) from None
        return bytes.fromhex(process.stdout.decode())
