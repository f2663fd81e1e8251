"""
What a process that was killed leaves behind: a database, and a write-ahead log with what isn't in it yet.
"""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from holdfast.store.access import accounts
from holdfast.store.database import Store
from store.values import NOW


def write(store: Store, *names: str) -> None:
    """Make organizations, each in a transaction."""
    for name in names:
        with store.write() as session:
            accounts.insert_organization(session, name, NOW)


def log_of(path: Path) -> Path:
    """Give the path of a database's write-ahead log."""
    return path.with_name(f"{path.name}-wal")


def begin_new_log(path: Path) -> None:
    """Put all that the log holds into the database, and empty it."""
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0


def kill(path: Path, into: Path) -> Path:
    """Copy what a process that is killed at this moment leaves behind."""
    into.mkdir()
    for each in (path, log_of(path)):
        shutil.copy(each, into / each.name)
    return into / path.name
