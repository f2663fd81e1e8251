"""
Envoy's log file.
"""

import errno
import os
from pathlib import Path

import structlog

from holdfast.network.sockets import CannotStart

log = structlog.get_logger()
ENVOY_LOG = "envoy.log"  # in the data directory of a gateway
_OF_THE_DISK = {errno.ENOENT, errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS}


class EnvoyLogUnusable(CannotStart):
    """Envoy's log file can't be opened."""

    def __init__(self, file: Path, reason: str, advice: str) -> None:
        """*reason* comes from the operating system; *advice* is what to do."""
        self.text, self.advice = f"Can't open Envoy's log {file} ({reason}).", advice
        super().__init__(f"{self.text} {advice}")


def open_log(file: Path, *, create: bool = True) -> int:
    """
    Open Envoy's log for appending and return the descriptor.

    Raises:
        EnvoyLogUnusable: It isn't a regular file, or can't be written.
        OSError: It doesn't exist and *create* is false, or there is no space to create it.
    """
    try:
        # Without O_NONBLOCK, a named pipe without a reader would block the start.
        flags = os.O_WRONLY | os.O_APPEND | os.O_NONBLOCK | (os.O_CREAT if create else 0)
        return os.open(file, flags, 0o600)
    except OSError as error:
        if error.errno in _OF_THE_DISK:
            raise
        is_closed = isinstance(error, PermissionError)
        advice = (
            "Make it writable for the user that runs Holdfast." if is_closed else "Move it; Holdfast creates a new one."
        )
        raise EnvoyLogUnusable(file, error.strerror or "", advice) from error


def open_log_or_nothing(file: Path) -> int:
    """Open Envoy's log, or discard its output if that fails, so that traffic never waits for a log."""
    try:
        return open_log(file)
    except (EnvoyLogUnusable, OSError) as error:
        log.error("output of the gateway process is lost", why=str(error))
        return os.open(os.devnull, os.O_WRONLY)
