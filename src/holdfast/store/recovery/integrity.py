"""
Whether a database is whole: all of it, or as much as can be checked before a start.
"""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import structlog

from holdfast.store.errors import StoreDamaged
from holdfast.store.sqlite import open_to_read

log = structlog.get_logger()
AT_START = 3.0  # seconds; 5,000 APIs with a certificate each take 0.1
_REFERENCES = "foreign_key_check"
_CHECKS = ("quick_check(10)", "integrity_check(10)", _REFERENCES)  # each finds more, and takes longer
_INTERRUPTED = sqlite3.SQLITE_INTERRUPT


def find_damage(connection: sqlite3.Connection) -> list[str]:
    """Let SQLite check all of a database; list what is wrong, in its words."""
    return _problems(connection, _CHECKS[1])


def find_dangling(connection: sqlite3.Connection) -> list[str]:
    """
    List the tables with rows that refer to others that aren't there.

    Such a database is whole: programs that don't ask SQLite to watch references, like its own shell, make them.
    """
    return list(dict.fromkeys(_problems(connection, _REFERENCES)))


def check_before_start(path: Path, seconds: float = AT_START) -> None:
    """
    Check as much of a database as *seconds* allow; rows that refer to nothing are only logged.

    Raises:
        StoreFailure: StoreDamaged, or it can't be read.
    """
    with open_to_read(path) as connection, _time_limit(connection, seconds):
        for check in _CHECKS:
            try:
                problems = _problems(connection, check)
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode != _INTERRUPTED:
                    raise
                log.warning("database is too large to be checked completely at start", seconds=seconds, skipped=check)
                return
            if problems and check == _REFERENCES:
                log.warning("rows refer to others that aren't there", tables=list(dict.fromkeys(problems)))
            elif problems:
                raise StoreDamaged(path, problems[0])


def _problems(connection: sqlite3.Connection, check: str) -> list[str]:
    rows = connection.execute(f"PRAGMA {check}").fetchmany(1_000)
    return [str(row[0]) for row in rows if row[0] != "ok"]


@contextmanager
def _time_limit(connection: sqlite3.Connection, seconds: float) -> Iterator[None]:
    """Interrupt what *connection* does after so many seconds."""
    timer = threading.Timer(seconds, connection.interrupt)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()  # it must not interrupt a connection that is closed
