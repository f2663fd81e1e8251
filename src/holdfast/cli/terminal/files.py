"""
Files that commands read and write. Whatever is named, no more of it is read than can be meant.
"""

import os
import stat
import sys
from pathlib import Path
from typing import BinaryIO

from holdfast.cli.failures import CommandFailed, WrongFile


def expand_home(path: str) -> Path:
    """Give *path* with the home directory for a leading `~`; raise WrongFile where there is none."""
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        raise WrongFile(f"There is no home directory for {path}. Write the whole path.") from error


def read_file(path: Path, limit: int) -> bytes:
    """Read a file of at most *limit* bytes; raise WrongFile when it cannot be read or is none."""
    try:
        # Without O_NONBLOCK, opening a pipe that nobody writes to would last for ever.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as opened:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise WrongFile(f"{path} is not a file.")
            return _bounded(opened, str(path), limit)
    except (OSError, ValueError) as error:
        raise WrongFile(f"{path} cannot be read ({getattr(error, 'strerror', None) or 'no such name'}).") from error


def read_input(limit: int) -> bytes:
    """Read standard input; raise WrongFile when it is longer than *limit* bytes."""
    return _bounded(sys.stdin.buffer, "Standard input", limit)


def write_file(path: Path, content: bytes) -> None:
    """Write a file; raise CommandFailed when that is not possible."""
    try:
        path.write_bytes(content)
    except OSError as error:
        raise CommandFailed(f"{path} cannot be written ({error.strerror}).") from error


def make_folder(path: Path) -> None:
    """Make a folder where there is none; raise CommandFailed when that is not possible."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CommandFailed(f"{path} cannot be made ({error.strerror}).") from error


def _bounded(opened: BinaryIO, name: str, limit: int) -> bytes:
    data = opened.read(limit + 1)
    if len(data) > limit:
        raise WrongFile(f"{name} is larger than {limit // 1024} KiB.")
    return data
