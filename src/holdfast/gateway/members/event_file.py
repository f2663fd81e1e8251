"""
The file that Envoy writes its events about hosts to: read as it grows, and replaced when it is large.
"""

import os
import time
from collections.abc import Callable, Iterable
from io import FileIO
from pathlib import Path

MAX_BYTES = 1024 * 1024  # from which the file is replaced
REOPENED_WITHIN = 3.0  # seconds for Envoy to write to the new file; it flushes each second
_CHUNK, _MAX_LINE = 256 * 1024, 64 * 1024  # bytes


class EventFile:
    """
    The lines of a file that Envoy appends to. Its methods block; use it from one thread at a time.

    While it is replaced, Envoy may still write to the previous file, so that is read for another moment.
    """

    def __init__(self, path: Path, reopen: Callable[[], bool]) -> None:
        """*reopen* lets Envoy open its logs again, if it answers."""
        self._path = path
        self._previous = path.with_name(f"{path.name}.1")
        self._reopen = reopen
        self._reader: FileIO | None = None
        self._partial = b""
        self._switch_at: float | None = None  # when the previous file has been read; None: this one is being read
        self._known = 0  # bytes at the beginning of this file that were copied from the previous one
        self._is_reopened = False  # while the previous file is being read: whether Envoy has been asked to

    def prepare(self) -> bool:
        """Create the file, so that Envoy can open it wherever there is no space for another; return if it was there."""
        was_there = self._path.exists()
        os.close(os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW, 0o600))
        return was_there

    def read(self) -> list[bytes]:
        """Return new lines; at first, those that an earlier process has read, too."""
        if self._reader is None:
            is_previous = self._previous.exists()
            self._reader = FileIO(self._previous if is_previous else self._path)
            if is_previous:
                self._let_reopen()
            else:
                self._reader.seek(self._known)
                self._known = 0
        data = self._reader.read(_CHUNK) or b""
        *lines, self._partial = (self._partial + data).split(b"\n")
        self._partial = self._partial[-_MAX_LINE:]
        if not data and self._switch_at is not None and time.monotonic() >= self._switch_at:
            if self._is_reopened:
                self._previous.unlink(missing_ok=True)
                self.close()
            else:
                self._let_reopen()
        return lines

    @property
    def is_lost(self) -> bool:
        """Whether the file was removed or moved, so that Envoy writes to another one."""
        if self._reader is None or self._switch_at is not None:
            return False
        try:
            return self._path.stat().st_ino != os.fstat(self._reader.fileno()).st_ino
        except FileNotFoundError:
            return True

    @property
    def is_large(self) -> bool:
        """Whether it is time to replace the file, all of which has been read."""
        if self._reader is None or self._switch_at is not None:
            return False
        return os.fstat(self._reader.fileno()).st_size == self._reader.tell() >= MAX_BYTES

    def replace(self, lines: Iterable[bytes]) -> None:
        """Let Envoy write to a new file that begins with *lines*."""
        self._path.replace(self._previous)
        self.prepare()
        with self._path.open("ab", buffering=0) as new:
            self._known = new.write(b"".join(line + b"\n" for line in lines))
        self._let_reopen()

    def restore(self) -> bool:
        """Let Envoy write to a new file after the file was lost; return whether it answers."""
        self.close()
        self.prepare()
        return self._reopen()

    def close(self) -> None:
        """Close the file; the next `read` begins with the first line."""
        if self._reader:
            self._reader.close()
        self._reader, self._partial, self._switch_at = None, b"", None

    def _let_reopen(self) -> None:
        self._is_reopened = self._reopen()
        self._switch_at = time.monotonic() + REOPENED_WITHIN
