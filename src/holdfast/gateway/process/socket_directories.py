"""
Directories for unix sockets: private, and with a short path, because that of a socket has at most 107 bytes.

Each contains a lock file. A process that uses the directory holds a shared lock on it; without one, the directory is
abandoned, and the next process that creates one removes it.
"""

import fcntl
import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import structlog

from holdfast.files.locks import LOCK_FILE, can_lock
from holdfast.network.sockets import CannotStart

log = structlog.get_logger()
_PREFIX = "holdfast-"
_RANDOM = 8  # characters that `tempfile` adds
_MAX_PATH = 95  # bytes: a socket's path has at most 107, including what follows (`/d/discovery`)


@contextmanager
def temporary_directory() -> Iterator[Path]:
    """Create a directory, and remove it at the end. Raises CannotStart."""
    directory, lock = create_directory()
    try:
        yield directory
    finally:
        os.close(lock)
        shutil.rmtree(directory, ignore_errors=True)


def create_directory() -> tuple[Path, int]:
    """
    Create a directory and return it with a descriptor that holds its lock.

    First removes directories that killed processes of this user have left behind. Raises CannotStart.
    """
    try:
        _remove_abandoned()
        directory = Path(tempfile.mkdtemp(prefix=_PREFIX))
    except OSError as error:
        raise CannotStart(_explain_no_directory(error)) from error
    try:
        if too_long := _check_length(directory):
            raise CannotStart(too_long)
        # Lock the file before it gets its name, so that other processes never see it unlocked.
        new = directory / ".new"
        descriptor = os.open(new, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        new.rename(directory / LOCK_FILE)
    except BaseException:
        shutil.rmtree(directory, ignore_errors=True)
        raise
    return directory, descriptor


def use_directory(directory: Path) -> int | None:
    """Return a descriptor that holds the lock of an existing directory; None if it isn't one of these."""
    if not directory.name.startswith(_PREFIX):
        return None
    try:
        if directory.lstat().st_uid != os.geteuid():
            return None
        descriptor = os.open(directory / LOCK_FILE, os.O_RDWR | os.O_NOFOLLOW)
    except OSError:
        return None
    if can_lock(descriptor, fcntl.LOCK_SH):
        return descriptor
    os.close(descriptor)
    return None


def find_sockets_problem() -> str | None:
    """Return why the next start can't create its directory for unix sockets, None if it can."""
    try:
        parent = Path(tempfile.gettempdir())
    except OSError as error:
        return _explain_no_directory(error)
    return _check_length(parent / f"{_PREFIX}{'x' * _RANDOM}")


def _explain_no_directory(error: OSError) -> str:
    text = f"Can't create a directory for unix sockets ({error.strerror})."
    return f"{text} Set TMPDIR to a writable directory with free space."


def _check_length(directory: Path) -> str | None:
    if len(os.fsencode(directory)) <= _MAX_PATH:
        return None
    return (
        f"Can't create unix sockets in {directory}: its path is longer than {_MAX_PATH} bytes. "
        "Set TMPDIR to a shorter path."
    )


def _remove_abandoned() -> None:
    for entry in os.scandir(tempfile.gettempdir()):
        if entry.name.startswith(_PREFIX) and _is_own_directory(entry) and _is_abandoned(directory := Path(entry.path)):
            shutil.rmtree(directory, ignore_errors=True)  # doesn't follow symbolic links
            log.info("directory of a killed process removed", directory=str(directory))


def _is_own_directory(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir(follow_symlinks=False) and entry.stat(follow_symlinks=False).st_uid == os.geteuid()
    except FileNotFoundError:  # another process has just removed it
        return False


def _is_abandoned(directory: Path) -> bool:
    try:
        descriptor = os.open(directory / LOCK_FILE, os.O_RDONLY | os.O_NOFOLLOW)
    except FileNotFoundError:
        return _is_deaf(directory / "ads")
    except OSError:
        return False
    try:
        return can_lock(descriptor)
    finally:
        os.close(descriptor)


def _is_deaf(path: Path) -> bool:
    """Return whether no process listens on a unix socket: earlier versions didn't lock the directory."""
    with closing(socket.socket(socket.AF_UNIX)) as asking:
        try:
            asking.connect(str(path))
        except ConnectionRefusedError:
            return True
        except OSError:
            return False
    return False
