"""
Integrity checks of a database: complete, or as much as a start has time for.
"""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import structlog

from holdfast.store.errors import StoreDamaged
from holdfast.store.sqlite.files import open_to_read

log = structlog.get_logger()
AT_START = 3.0  # seconds; 5,000 APIs with one certificate each take 0.1
_REFERENCES = "foreign_key_check"
_CHECKS = ("quick_check(10)", "integrity_check(10)", _REFERENCES)  # each finds more, and takes longer
_INTERRUPTED = sqlite3.SQLITE_INTERRUPT
_STEPS = 10_000  # of SQLite's virtual machine between looks at the clock, well below a millisecond


def find_damage(connection: sqlite3.Connection) -> list[str]:
    """Check a whole database; return SQLite's description of each problem."""
    return _list_problems(connection, _CHECKS[1])


def find_dangling(connection: sqlite3.Connection) -> list[str]:
    """
    Return the tables with rows that refer to missing rows.

    Such a database isn't damaged: programs that don't turn on SQLite's foreign keys, like its shell, leave such rows.
    """
    return list(dict.fromkeys(_list_problems(connection, _REFERENCES)))


def check_before_start(path: Path, seconds: float = AT_START) -> None:
    """
    Check as much of a database as *seconds* allow; rows that refer to missing rows are only logged.

    Raises:
        StoreFailure: StoreDamaged, or it can't be read.
    """
    with open_to_read(path) as connection, _time_limit(connection, seconds):
        for check in _CHECKS:
            try:
                problems = _list_problems(connection, check)
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode != _INTERRUPTED:
                    raise
                log.warning("database is too large for a complete check at start", seconds=seconds, skipped=check)
                return
            if problems and check == _REFERENCES:
                log.warning("rows refer to missing rows", tables=list(dict.fromkeys(problems)))
            elif problems:
                raise StoreDamaged(path, problems[0])


def _list_problems(connection: sqlite3.Connection, check: str) -> list[str]:
    rows = connection.execute(f"PRAGMA {check}").fetchmany(1_000)
    return [str(row[0]) for row in rows if row[0] != "ok"]


@contextmanager
def _time_limit(connection: sqlite3.Connection, seconds: float) -> Iterator[None]:
    """Interrupt *connection*'s work after *seconds*."""
    end = time.monotonic() + seconds
    # `interrupt` from another thread would be lost between two statements.
    connection.set_progress_handler(lambda: time.monotonic() > end, _STEPS)
    try:
        yield
    finally:
        connection.set_progress_handler(None, 0)
