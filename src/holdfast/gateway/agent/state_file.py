"""
The file in which an agent keeps what it serves: sealed records, of which each changes what those before it say.

    at 0       MAGIC, the id of the key, and a random id of the file
    at 512     the number of durable records, sealed; overwritten in place, within one sector of the disk
    from 1024  records: the length, then the sealed content

Everything is sealed for this file and its place in it, so records can't be swapped, repeated, or taken from another
file. A record is durable before it is counted. A file with fewer records than the number says was cut off or damaged;
what follows the counted records was being written when its writer was killed, and ends with the first broken record.
"""

import errno
import os
import secrets
import struct
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from holdfast.files.replacement import flush
from holdfast.files.sealing_keys import ID_SIZE, NotAuthentic, SealingKey

_MAGIC = b"holdfast state 1\n"
_FILE_ID_SIZE = 16
_HEADER_SIZE = len(_MAGIC) + ID_SIZE + _FILE_ID_SIZE
_COUNT_AT, _RECORDS_AT = 512, 1024
_COUNT = struct.Struct("!Q")
_SEALED_COUNT_SIZE = 12 + _COUNT.size + 16  # with a nonce and an authentication tag
_LENGTH = struct.Struct("!I")


class DamagedFile(Exception):
    """A state file can't be used; the text says why."""


class StateFile:
    """An open state file, at its end."""

    def __init__(self, path: Path, descriptor: int, key: SealingKey, header: bytes) -> None:
        self.path = path
        self.size = _RECORDS_AT  # bytes up to the end of the last record
        self._descriptor = descriptor
        self._key = key
        self._header = header
        self._records = 0

    def append(self, content: bytes) -> None:
        """Add a record; it is durable once this returns. Raises OSError."""
        ciphertext = self._key.seal(content, self._build_context(self._records))
        record = _LENGTH.pack(len(ciphertext)) + ciphertext
        _write(self._descriptor, record, self.size)
        os.fsync(self._descriptor)
        self.size += len(record)
        self._records += 1
        # Not synced: if it is lost, one record more than it says is found, and used.
        _write(self._descriptor, self._key.seal(_COUNT.pack(self._records), self._header), _COUNT_AT)

    def read(self) -> Iterator[bytes]:
        """Yield the content of each record, and remove an incomplete one at the end. Raises DamagedFile, OSError."""
        try:
            ciphertext = _read(self._descriptor, _SEALED_COUNT_SIZE, _COUNT_AT)
            (count,) = _COUNT.unpack(self._key.open(ciphertext, self._header))
        except NotAuthentic:
            raise DamagedFile("it was modified") from None
        while (content := self._next()) is not None:
            yield content
        if self._records < count:
            raise DamagedFile(f"record {self._records + 1} of {count} is damaged or missing")
        os.ftruncate(self._descriptor, self.size)

    def _next(self) -> bytes | None:
        (length,) = _LENGTH.unpack(_read(self._descriptor, _LENGTH.size, self.size).ljust(_LENGTH.size, b"\0"))
        at = self.size + _LENGTH.size
        if not 0 < length <= os.fstat(self._descriptor).st_size - at:
            return None
        ciphertext = _read(self._descriptor, length, at)
        try:
            content = self._key.open(ciphertext, self._build_context(self._records))
        except NotAuthentic:
            return None
        self.size = at + length
        self._records += 1
        return content

    def _build_context(self, record: int) -> bytes:
        return self._header + _COUNT.pack(record)

    def move(self, path: Path) -> None:
        """Take the place of the file at *path*, atomically. Raises OSError."""
        os.fsync(self._descriptor)
        self.path.replace(path)
        self.path = path
        flush(path.parent)

    def invalidate(self) -> None:
        """Make sure that nobody reads the file again: it may be out of date. Raises OSError."""
        try:
            os.ftruncate(self._descriptor, 0)
            os.fsync(self._descriptor)
        except OSError:
            self.path.unlink(missing_ok=True)
            flush(self.path.parent)

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)


def create_state_file(path: Path, key: SealingKey) -> StateFile:
    """Create an empty file, readable only for this user, in place of an unfinished one. Raises OSError."""
    with suppress(FileNotFoundError):
        path.unlink()
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        header = _MAGIC + key.id + secrets.token_bytes(_FILE_ID_SIZE)
        _write(descriptor, header, 0)
        _write(descriptor, key.seal(_COUNT.pack(0), header), _COUNT_AT)
    except OSError:
        os.close(descriptor)
        raise
    return StateFile(path, descriptor, key, header)


def open_state_file(path: Path, key: SealingKey) -> StateFile:
    """Open a file, whose records are to be read before one is added. Raises DamagedFile, OSError."""
    descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        header = _read(descriptor, _HEADER_SIZE, 0)
        if len(header) < _HEADER_SIZE or not header.startswith(_MAGIC):
            raise DamagedFile("it is empty" if not header else "it was modified")
        if header[len(_MAGIC) :][:ID_SIZE] != key.id:
            raise DamagedFile("it was encrypted with another key")
    except BaseException:
        os.close(descriptor)
        raise
    return StateFile(path, descriptor, key, header)


def _write(descriptor: int, content: bytes, at: int) -> None:
    rest = memoryview(content)
    while rest:
        count = os.pwrite(descriptor, rest, at)
        if not count:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        rest, at = rest[count:], at + count


def _read(descriptor: int, size: int, at: int) -> bytes:
    pieces = []
    while size and (piece := os.pread(descriptor, size, at)):
        pieces.append(piece)
        size, at = size - len(piece), at + len(piece)
    return b"".join(pieces)
