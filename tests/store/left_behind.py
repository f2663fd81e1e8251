"""
The files of a killed process: a database, and a write-ahead log with transactions that aren't in it yet.
"""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from holdfast.store.access import accounts
from holdfast.store.database import Store
from store.values import NOW


def write(store: Store, *names: str) -> None:
    """Insert organizations, each in its own transaction."""
    for name in names:
        with store.write() as session:
            accounts.insert_organization(session, name, NOW)


def log_of(path: Path) -> Path:
    """Return the path of a database's write-ahead log."""
    return path.with_name(f"{path.name}-wal")


def begin_new_log(path: Path) -> None:
    """Move everything in the log to the database, and empty the log."""
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0


def kill(path: Path, into: Path) -> Path:
    """Copy the files that a process would leave if it were killed now."""
    into.mkdir()
    for source in (path, log_of(path)):
        shutil.copy(source, into / source.name)
    return into / path.name
