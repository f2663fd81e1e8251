"""
Files that commands read and write. Reads are limited in size.
"""

import os
import stat
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

from holdfast.cli.failures import CommandFailed, WrongFile


def expand_home(path: str) -> Path:
    """Expand a leading `~` in *path*. Raises WrongFile if there is no home directory."""
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        raise WrongFile(f"Can't expand {path}: there is no home directory. Use an absolute path.") from error


def read_file(path: Path, limit: int) -> bytes:
    """Read a file of at most *limit* bytes. Raises WrongFile if it can't be read or isn't a regular file."""
    try:
        # Without O_NONBLOCK, opening a pipe without a writer would block forever.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as source:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise WrongFile(f"{path} isn't a file.")
            return _read_up_to(source, str(path), limit)
    except (OSError, ValueError) as error:
        raise WrongFile(f"Can't read {path}: {getattr(error, 'strerror', None) or 'invalid file name'}.") from error


def read_input(limit: int) -> bytes:
    """Read standard input. Raises WrongFile if it is longer than *limit* bytes."""
    return _read_up_to(sys.stdin.buffer, "Standard input", limit)


def write_file(path: Path, content: bytes) -> None:
    """Write a file. Raises CommandFailed."""
    try:
        path.write_bytes(content)
    except OSError as error:
        raise CommandFailed(f"Can't write {path}: {error.strerror}.") from error


def write_pieces(file: str, pieces: Iterable[bytes]) -> int:
    """
    Write *pieces* to a file that only its owner can read, or to standard output if its name is `-`; return the size.

    The file is replaced only once it is complete. Raises CommandFailed.
    """
    if file == "-":
        return sum(sys.stdout.buffer.write(piece) for piece in pieces)
    path = Path(file)
    partial = path.with_name(f".{path.name}.part")
    try:
        with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600), "wb") as target:
            size = sum(target.write(piece) for piece in pieces)
        partial.replace(path)
    except OSError as error:
        raise CommandFailed(f"Can't write {path}: {error.strerror}.") from error
    finally:
        partial.unlink(missing_ok=True)
    return size


def make_folder(path: Path) -> None:
    """Create a folder if it doesn't exist. Raises CommandFailed."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CommandFailed(f"Can't create {path}: {error.strerror}.") from error


def _read_up_to(source: BinaryIO, name: str, limit: int) -> bytes:
    data = source.read(limit + 1)
    if len(data) > limit:
        raise WrongFile(f"{name} is larger than {limit // 1024} KiB.")
    return data
