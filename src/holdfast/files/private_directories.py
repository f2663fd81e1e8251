"""
Directories that only their user may access, because their files decide what Holdfast trusts.
"""

import os
import pwd
import stat
from collections.abc import Collection
from pathlib import Path

import structlog

log = structlog.get_logger()
OTHERS = 0o077  # the permission bits of group and others
_WRITE = 0o022  # of these, the ones to create files
_OF_FILE_SYSTEMS = {"lost+found"}


class NotPrivate(Exception):
    """Other users can access a directory, and it can't or mustn't be closed to them; the text says what to do."""


def explain_owner(directory: Path) -> str | None:
    """Return a message if another user owns the directory, None if this process's user does."""
    owner = directory.stat().st_uid
    if owner == os.geteuid():
        return None
    return f"{directory} belongs to {name_user(owner)}, not to the current user."


def close_directory(directory: Path, own: Collection[str]) -> None:
    """
    Remove permissions of other users on a data directory.

    It must be empty or contain one of the files *own*, which show that Holdfast has used it before.

    Raises:
        NotPrivate: It belongs to another user or may be needed by others, or others have put files in it.
        OSError: Its permissions can't be read or changed.
    """
    problem = explain_owner(directory)
    if problem:
        raise NotPrivate(f"{problem} Run Holdfast as its owner, or choose another directory with --data.")
    mode = stat.S_IMODE(directory.stat().st_mode)
    if not mode & OTHERS:
        return
    if not _is_own(directory, mode, own):
        raise NotPrivate(
            f"Other users can access {directory} (mode {mode:04o}), and Holdfast has never used it. Choose another "
            f"directory with --data, or run `chmod 700 {directory}` if nobody else needs it."
        )
    if mode & _WRITE and (foreign := _find_foreign(directory)):
        raise NotPrivate(
            f"Other users can write to {directory} (mode {mode:04o}), and {foreign.name} belongs to "
            f"{name_user(foreign.lstat().st_uid)}. Choose another directory with --data."
        )
    directory.chmod(0o700)
    if stat.S_IMODE(directory.stat().st_mode) & OTHERS:
        raise NotPrivate(
            f"Other users can access {directory}, and its file system doesn't support permissions. Choose another "
            "directory with --data."
        )
    log.warning("data directory closed to others", directory=str(directory), mode_before=f"{mode:04o}")


def is_writable_for_others(directory: Path) -> bool:
    """Return whether other users, except root, can create files in a directory; False if there is none."""
    try:
        status = directory.stat()
    except FileNotFoundError:
        return False
    return bool(status.st_mode & _WRITE) or status.st_uid not in {0, os.geteuid()}


def _is_own(directory: Path, mode: int, own: Collection[str]) -> bool:
    """Return whether Holdfast may change the directory's mode: it used it before, or it is empty and not a home."""
    if mode & stat.S_ISVTX or directory.resolve() in {Path("/"), Path.home().resolve()}:
        return False
    names = {entry.name for entry in directory.iterdir()} - _OF_FILE_SYSTEMS
    return not names or any(name in names for name in own)


def _find_foreign(directory: Path) -> Path | None:
    """Return a file of another user, who isn't root."""
    trusted_owners = {0, os.geteuid()}
    return next((entry for entry in sorted(directory.iterdir()) if entry.lstat().st_uid not in trusted_owners), None)


def name_user(user: int) -> str:
    """Return the name of a user of the operating system, from its number."""
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return f"user {user}"
