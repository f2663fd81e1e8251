"""
Logs: one JSON object per line on standard error, including those of libraries.
"""

import io
import logging
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, suppress
from types import TracebackType
from typing import TextIO

import structlog

log = structlog.get_logger()
_LEVELS = (logging.CRITICAL, logging.ERROR, logging.WARNING, logging.INFO, logging.DEBUG)


class _Logger(structlog.WriteLogger):
    """Writes to a file and ignores errors, so that a full disk doesn't break whatever is being logged."""

    def msg(self, message: str) -> None:
        """Write a line."""
        with suppress(OSError):
            super().msg(message)

    log = debug = info = warn = warning = error = critical = exception = fatal = failure = err = msg


def configure_logging(level: str) -> None:
    """Log events of *level* (debug, info, warning, error) and above."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=lambda *_: _Logger(file=_choose_stream()),
    )


@contextmanager
def standard_error_as_log() -> Iterator[None]:
    """Log what Python code writes directly to standard error, such as gRPC's tracebacks, until the block ends."""
    with redirect_stderr(_Lines(sys.stderr)):
        yield


def log_everything() -> None:
    """
    Log what libraries and Python would write to standard error in other formats.

    That is everything sent to `logging`, warnings, and uncaught exceptions. This changes the whole process, so only
    servers call it.
    """
    root = logging.getLogger()
    root.handlers = [_Forwarder()]
    # Never lower: at lower levels, libraries log headers and SQL statements, which contain secrets.
    root.setLevel(logging.WARNING)
    logging.captureWarnings(True)
    sys.excepthook = _log_uncaught
    sys.unraisablehook = _log_unraisable
    threading.excepthook = _log_of_thread


class _Lines(io.TextIOBase):
    """Replaces *file*: each text that is written becomes a log event in it."""

    def __init__(self, file: TextIO) -> None:
        self.file = file

    def write(self, text: str) -> int:
        """Log a text."""
        if text.strip():
            log.error("written to standard error", text=text.strip())
        return len(text)


def _choose_stream() -> TextIO:
    return sys.stderr.file if isinstance(sys.stderr, _Lines) else sys.stderr


class _Forwarder(logging.Handler):
    """Passes records of `logging` to structlog, which drops those below the configured level."""

    def emit(self, record: logging.LogRecord) -> None:
        """Log a record."""
        try:
            message = record.getMessage()
        except (KeyError, TypeError, ValueError):  # arguments that don't match must not break the caller
            message = str(record.msg)
        level = next((candidate for candidate in _LEVELS if candidate <= record.levelno), logging.DEBUG)
        error = record.exc_info if record.exc_info and record.exc_info[0] else None
        log.log(level, message.strip(), logger=record.name, exc_info=error)


def _log_uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        return
    log.critical("process ended by an unexpected error", exc_info=(kind, error, trace))


def _log_unraisable(unraisable: "sys.UnraisableHookArgs") -> None:
    error = unraisable.exc_value
    message = unraisable.err_msg or "exception ignored in"
    trace = (unraisable.exc_type, error, unraisable.exc_traceback) if error else None
    log.error(message, where=repr(unraisable.object), exc_info=trace)


def _log_of_thread(arguments: threading.ExceptHookArgs) -> None:
    if arguments.exc_value is None or issubclass(arguments.exc_type, SystemExit):
        return
    name = arguments.thread.name if arguments.thread else ""
    trace = (arguments.exc_type, arguments.exc_value, arguments.exc_traceback)
    log.error("thread ended by an unexpected error", thread=name, exc_info=trace)
