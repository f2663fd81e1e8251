"""
Locks on files, which end with the last process that holds them.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LOCK_FILE = "lock"


def can_lock(descriptor: int, how: int = fcntl.LOCK_EX) -> bool:
    """Lock an open file; return False if another process holds a lock that excludes this one."""
    try:
        fcntl.flock(descriptor, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def is_locked(file: Path) -> bool:
    """Return whether a process holds a lock on the file; False if there is no such file."""
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW)
    except (FileNotFoundError, NotADirectoryError):
        return False
    try:
        return not can_lock(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def shared_lock(file: Path) -> Iterator[int]:
    """Create a file if necessary, and return a descriptor that holds a shared lock on it. Raises OSError."""
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        yield descriptor
    finally:
        os.close(descriptor)
