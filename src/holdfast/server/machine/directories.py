"""
The data directory: locked by one process, and inaccessible to other users.
"""

import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import structlog

from holdfast.files.locks import LOCK_FILE, can_lock
from holdfast.files.private_directories import OTHERS, NotPrivate, close_directory
from holdfast.network.sockets import CannotStart

log = structlog.get_logger()
DATABASE_FILE = "holdfast.sqlite"
GATEWAY = "gateway"  # the data directory of the gateway on the same machine
_OWN = (DATABASE_FILE, LOCK_FILE)  # a directory that contains one of these has been a data directory before


def locate_database(data: Path) -> Path:
    """
    Return the path of the database in a data directory, with symbolic links resolved.

    SQLite stores the write-ahead log next to the real file, so that is where to look for it.
    """
    return Path(os.path.realpath(data / DATABASE_FILE))  # unlike `Path.resolve`, this tolerates circular links


@contextmanager
def lock_data_directory(data: Path) -> Iterator[None]:
    """
    Create the data directory, remove permissions of other users on it and its files, and lock it.

    Raises:
        CannotStart: It isn't writable, belongs to or is shared with other users, or another Holdfast uses it.
    """
    with _private_umask():
        try:
            data.mkdir(parents=True, exist_ok=True, mode=0o700)
            close_directory(data, _OWN)
            descriptor = os.open(data / LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o600)
        except NotPrivate as error:
            raise CannotStart(str(error)) from error
        except OSError as error:
            raise CannotStart(f"Can't write {data}: {error.strerror}. Choose another with --data.") from error
        try:
            if not can_lock(descriptor):
                text = f"Holdfast is already running with the data directory {data}."
                raise CannotStart(f"{text} Stop it, or choose another with --data.")
            _close_files(data)
            yield
        finally:
            os.close(descriptor)


def is_held(data: Path) -> bool:
    """Return whether a running Holdfast uses the data directory; False if the lock file can't be read."""
    try:
        descriptor = os.open(data / LOCK_FILE, os.O_RDONLY)
    except OSError:
        return False
    try:
        return not can_lock(descriptor, fcntl.LOCK_SH)
    finally:
        os.close(descriptor)


def open_files(data: Path) -> list[Path]:
    """Return the files of this user that other users can read or write, in a data directory and its gateway's."""
    paths = []
    gateway = data / GATEWAY
    for directory in (data, gateway) if gateway.is_dir() and not gateway.is_symlink() else (data,):
        for entry in os.scandir(directory):
            if entry.is_file(follow_symlinks=False):
                status = entry.stat(follow_symlinks=False)
                if status.st_uid == os.geteuid() and stat.S_IMODE(status.st_mode) & OTHERS:
                    paths.append(Path(entry.path))
    return sorted(paths)


@contextmanager
def _private_umask() -> Iterator[None]:
    """Create files only for this user until the block ends."""
    before = os.umask(OTHERS)
    try:
        yield
    finally:
        os.umask(before)


def _close_files(data: Path) -> None:
    for path in open_files(data):
        mode = stat.S_IMODE(path.lstat().st_mode)
        path.chmod(0o600)
        log.warning("file closed to others", file=str(path), mode_before=f"{mode:04o}")
