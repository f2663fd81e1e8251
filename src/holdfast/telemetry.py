"""
Logs: one JSON object per line on standard error.
"""

import logging
import sys
from contextlib import suppress

import structlog


class _Logger(structlog.WriteLogger):
    """Writes to a file; a log that can't be written, as on a full disk, must not fail what is logged."""

    def msg(self, message: str) -> None:
        """Write a line."""
        with suppress(OSError):
            super().msg(message)

    log = debug = info = warn = warning = error = critical = exception = fatal = failure = err = msg


def configure_logging(level: str) -> None:
    """Write events of *level* (debug, info, warning, error) and above."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=lambda *_: _Logger(file=sys.stderr),
    )
