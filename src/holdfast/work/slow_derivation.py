"""
Keys with many rounds of hashing, derived in processes of their own: few at a time, and each file in a limited time.

Hashing in a thread would hold up all other threads of this process (the way of PKCS#12 is a loop in Python), and
nothing could end it.
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

SECONDS: Final = 10.0  # for all keys of a file, waiting included
MAX_WAITING: Final = 4  # files, each of which occupies a thread
MAX_OF_USER: Final = 2  # files that one user opens or lets wait, so that none can take all places


class TooManyFiles(RuntimeError):
    """So many files with many rounds are being opened, or by this user, that there is no place left to wait."""


class SlowDerivation:
    """Derives the keys of *at_once* files at a time, by default half as many as there are processors."""

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
        Give the work of one file of *user*, which takes its place and whose time begins with its first slow key.

        *begin* is called once it has a place, before it waits.
        """
        file = _File(self._slots, self._places, user, self._seconds, begin)
        try:
            yield Work(file.derive)
        finally:
            file.leave()


class _Places:
    """Shares between threads."""

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
        self._end = 0.0  # until it has a place

    def derive(self, how: Derivation, purpose: int, size: int, password: str | None) -> bytes:
        """Raises OpeningTooSlow, TooManyFiles."""
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
        """Give the place back, if it has one."""
        if self._end:
            self._places.give_back(self._user)

    def _run(self, how: Derivation, purpose: int, size: int, password: str | None) -> bytes:
        request = {"digest": how.digest, "salt": how.salt.hex(), "iterations": how.iterations, "pbkdf2": how.pbkdf2}
        request |= {"purpose": purpose, "size": size, "password": password}
        # Without the site's packages and the environment's paths it starts in 40 ms and runs nothing else.
        command = [sys.executable, "-I", "-S", hashing.__file__]
        try:
            done = subprocess.run(  # noqa: S603 - nothing in it comes from outside
                command,
                input=json.dumps(request).encode(),
                capture_output=True,
                check=True,
                timeout=max(0.0, self._end - time.monotonic()),
            )
        except subprocess.TimeoutExpired:
            raise OpeningTooSlow(self._seconds) from None
        return bytes.fromhex(done.stdout.decode())
