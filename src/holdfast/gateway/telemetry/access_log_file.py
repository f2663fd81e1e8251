"""
The file of an access log: rotation, and what happens if it can't be written.

Envoy writes to a link in a directory that always exists, because a listener whose log can't be opened is rejected. The
link leads to the file, or to nothing as long as the file can't be used.
"""

import asyncio
import errno
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import structlog

from holdfast.gateway.telemetry.access_log_format import AccessLogFormat

log = structlog.get_logger()
LINK = "access-log"
OWN_FILE = "access.log"  # in the data directory, if the log goes to standard output
STDOUT = "stdout"
LOOK_AGAIN = 1.0  # seconds
_CHUNK = 256 * 1024  # bytes
_OUTPUT = 1  # file descriptor


@dataclass(frozen=True, slots=True)
class AccessLogSettings:
    """
    Where the access log goes, and how its lines look.

    A file that has grown to *max_bytes* is renamed to FILE.1, and *files* of these are kept; 0: never.
    """

    file: Path
    layout: AccessLogFormat
    max_bytes: int
    files: int
    is_copied: bool = False  # to standard output


class AccessLogFile:
    """Keeps the file of an access log. Lives on one event loop."""

    def __init__(self, settings: AccessLogSettings, sockets: Path, reopen: Callable[[], bool]) -> None:
        """*sockets* is the directory for the link; *reopen* lets Envoy open the link again, if it answers. Blocks."""
        self._settings = settings
        self._file = settings.file
        self.link = sockets / LINK
        self._reopen = reopen
        self._inode: int | None = None  # of the file that the link led to last; 0: none can be used
        self.problem = ""  # a sentence: why nothing is logged

    def prepare(self) -> bool:
        """Create the file if necessary, and lead the link to it; return whether Envoy must open it. Blocks."""
        is_there = self._file.exists()  # a file that is created may have the number of the one before
        try:
            descriptor = os.open(self._file, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK, 0o640)
            inode = os.fstat(descriptor).st_ino
            is_full = os.fstatvfs(descriptor).f_bavail == 0
            os.close(descriptor)
            target, reason = self._file, os.strerror(errno.ENOSPC) if is_full else ""
        except OSError as error:
            target, inode, reason = Path(os.devnull), 0, error.strerror or str(error)
        problem = f"Requests aren't logged: can't write {self._file}: {reason}." if reason else ""
        if problem and problem != self.problem:
            log.error("requests aren't logged", file=str(self._file), why=reason)
        self.problem = problem
        if is_there and self.link.is_symlink() and self.link.readlink() == target and inode == self._inode:
            return False
        self.link.unlink(missing_ok=True)
        self.link.symlink_to(target)
        self._inode = inode
        return True

    async def follow(self) -> None:
        """Rotate the file, and let Envoy open it again once it was moved by another program, until cancelled."""
        if self._settings.is_copied:
            threading.Thread(target=self._copy, daemon=True).start()
        while True:
            await asyncio.sleep(LOOK_AGAIN)
            await asyncio.to_thread(self.look)

    def look(self) -> None:
        """Rotate the file if it is large enough, and let Envoy open it again if it was moved. Blocks."""
        try:
            if 0 < self._settings.max_bytes <= self._file.stat().st_size:
                self._rotate()
        except FileNotFoundError:
            pass  # moved by another program, such as logrotate
        except OSError as error:
            log.error("access log can't be rotated", file=str(self._file), why=error.strerror)
        if self.prepare() and not self._reopen():
            self._inode = None  # so that it is tried again

    def _rotate(self) -> None:
        """Rename FILE.1 to FILE.2 and so on, and FILE to FILE.1; the oldest one is deleted."""
        last = self._settings.files
        if last == 0:
            self._file.unlink()
        for number in range(last, 0, -1):
            before = self._find_file(number - 1) if number > 1 else self._file
            if before.exists():
                before.replace(self._find_file(number))

    def _find_file(self, number: int) -> Path:
        return self._file.with_name(f"{self._file.name}.{number}")

    def _copy(self) -> None:
        """Copy new lines to standard output, in a separate thread, because writing may block."""
        pause, was_replaced, file = threading.Event(), False, self._open()
        if file:
            file.seek(0, os.SEEK_END)
        while True:
            if file and (chunk := file.read(_CHUNK)):
                try:
                    while chunk:
                        chunk = chunk[os.write(_OUTPUT, chunk) :]
                except OSError:
                    return
                continue
            pause.wait(LOOK_AGAIN / 5)
            if file and not self._was_replaced(file):
                continue
            if file and not was_replaced:  # Envoy may still write to it
                pause.wait(3 * LOOK_AGAIN)
                was_replaced = True
            elif successor := self._open():
                if file:
                    file.close()
                file, was_replaced = successor, False

    def _open(self) -> BinaryIO | None:
        """Open the file; None if that isn't possible, for example because another program has just moved it."""
        try:
            return self._file.open("rb")
        except OSError:
            return None

    def _was_replaced(self, file: BinaryIO) -> bool:
        try:
            return self._file.stat().st_ino != os.fstat(file.fileno()).st_ino
        except OSError:
            return False  # there is no other one yet
