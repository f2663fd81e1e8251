"""
The data directory and temporary directories: locked by one process, and inaccessible to other users.
"""

import fcntl
import os
import pwd
import shutil
import socket
import stat
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import structlog

from holdfast.network.sockets import CannotStart

log = structlog.get_logger()
OTHERS = 0o077  # the permission bits of group and others
DATABASE_FILE = "holdfast.sqlite"
LOCK_FILE = "lock"
_PREFIX = "holdfast-"
_RANDOM = 8  # characters that `tempfile` adds
_MAX_PATH = 100  # bytes: a socket's path has at most 107, including its name and a slash (6)
_OWN = (DATABASE_FILE, LOCK_FILE)  # a directory that contains one of these has been a data directory before
_OF_FILE_SYSTEMS = {"lost+found"}


def database_in(data: Path) -> Path:
    """
    Return the path of the database in a data directory, with symbolic links resolved.

    SQLite stores the write-ahead log next to the real file, so that is where to look for it.
    """
    return Path(os.path.realpath(data / DATABASE_FILE))  # unlike `Path.resolve`, this tolerates circular links


@contextmanager
def data_directory(data: Path) -> Iterator[None]:
    """
    Create the data directory, remove permissions of other users on it and its files, and lock it.

    Raises:
        CannotStart: It isn't writable, belongs to or is shared with other users, or another Holdfast uses it.
    """
    with _private_umask():
        try:
            data.mkdir(parents=True, exist_ok=True, mode=0o700)
            _close(data)
            descriptor = os.open(data / LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise CannotStart(f"Can't write {data}: {error.strerror}. Choose another with --data.") from error
        try:
            if not _can_lock(descriptor, fcntl.LOCK_EX):
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
        return not _can_lock(descriptor)
    finally:
        os.close(descriptor)


def owner_problem(data: Path) -> str | None:
    """Return a message if another user owns the directory, None if this process's user does."""
    owner = data.stat().st_uid
    if owner == os.geteuid():
        return None
    try:
        name = pwd.getpwuid(owner).pw_name
    except KeyError:
        name = f"user {owner}"
    return f"{data} belongs to {name}, not to the current user."


def open_files(data: Path) -> list[Path]:
    """Return the files directly in a directory that belong to this user and that other users can read or write."""
    paths = []
    for entry in os.scandir(data):
        if entry.is_file(follow_symlinks=False):
            status = entry.stat(follow_symlinks=False)
            if status.st_uid == os.geteuid() and stat.S_IMODE(status.st_mode) & OTHERS:
                paths.append(Path(entry.path))
    return sorted(paths)


@contextmanager
def temporary_directory() -> Iterator[Path]:
    """
    Create a directory for this user with a path that is short enough for unix sockets; remove it at the end.

    First removes directories that killed processes of this user have left behind. Raises CannotStart.
    """
    try:
        _remove_abandoned()
        directory = Path(tempfile.mkdtemp(prefix=_PREFIX))
    except OSError as error:
        raise CannotStart(_no_directory(error)) from error
    try:
        if too_long := _too_long(directory):
            raise CannotStart(too_long)
        # Lock the file before it gets its name, so that other processes never see it unlocked.
        new = directory / ".new"
        descriptor = os.open(new, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            new.rename(directory / LOCK_FILE)
            yield directory
        finally:
            os.close(descriptor)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def sockets_problem() -> str | None:
    """Return why the next start can't create its directory for unix sockets, None if it can."""
    try:
        parent = Path(tempfile.gettempdir())
    except OSError as error:
        return _no_directory(error)
    return _too_long(parent / f"{_PREFIX}{'x' * _RANDOM}")


def _no_directory(error: OSError) -> str:
    text = f"Can't create a directory for unix sockets ({error.strerror})."
    return f"{text} Set TMPDIR to a writable directory with free space."


def _too_long(directory: Path) -> str | None:
    if len(os.fsencode(directory)) <= _MAX_PATH:
        return None
    return (
        f"Can't create unix sockets in {directory}: its path is longer than {_MAX_PATH} bytes. "
        "Set TMPDIR to a shorter path."
    )


@contextmanager
def _private_umask() -> Iterator[None]:
    """Create files only for this user until the block ends."""
    before = os.umask(OTHERS)
    try:
        yield
    finally:
        os.umask(before)


def _close(data: Path) -> None:
    problem = owner_problem(data)
    if problem:
        raise CannotStart(f"{problem} Run Holdfast as its owner, or choose another directory with --data.")
    mode = stat.S_IMODE(data.stat().st_mode)
    if not mode & OTHERS:
        return
    if not _is_own(data, mode):
        raise CannotStart(
            f"Other users can access {data} (mode {mode:04o}), and Holdfast has never used it. Choose another "
            f"directory with --data, or run `chmod 700 {data}` if nobody else needs it."
        )
    data.chmod(0o700)
    if stat.S_IMODE(data.stat().st_mode) & OTHERS:
        raise CannotStart(
            f"Other users can access {data}, and its file system doesn't support permissions. Choose another directory "
            "with --data."
        )
    log.warning("data directory closed to others", directory=str(data), mode_before=f"{mode:04o}")


def _is_own(data: Path, mode: int) -> bool:
    """Return whether Holdfast may change the directory's mode: it used it before, or it is empty and not a home."""
    if mode & stat.S_ISVTX or data.resolve() in {Path("/"), Path.home().resolve()}:
        return False
    names = {entry.name for entry in data.iterdir()} - _OF_FILE_SYSTEMS
    return not names or any(name in names for name in _OWN)


def _close_files(data: Path) -> None:
    for path in open_files(data):
        mode = stat.S_IMODE(path.lstat().st_mode)
        path.chmod(0o600)
        log.warning("file closed to others", file=str(path), mode_before=f"{mode:04o}")


def _can_lock(descriptor: int, how: int = fcntl.LOCK_SH) -> bool:
    try:
        fcntl.flock(descriptor, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


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
        return _can_lock(descriptor)
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
