"""
Revisions of the tables: the known ones, and the one in a database.
"""

import sqlite3
from functools import cache
from pathlib import Path

import structlog

from holdfast.store.errors import StoreTooNew

log = structlog.get_logger()
MIGRATIONS = Path(__file__).parent / "migrations"
VERSIONS = "alembic_version"  # the table with the revision; it is created before all others
COMPATIBILITY = "schema_compatibility"  # the table with the oldest revision whose code can use the tables


@cache
def list_schema_revisions() -> tuple[str, ...]:
    """Return the revisions that this version knows, newest first, from the names of the migrations, like `v0013_`."""
    files = (MIGRATIONS / "versions").glob("v[0-9]*_*.py")
    return tuple(sorted((file.name[1:].partition("_")[0] for file in files), reverse=True))


def get_newest_revision() -> str:
    """Return the revision that this version needs."""
    return list_schema_revisions()[0]


def must_migrate(revision: str | None, oldest: str | None) -> bool:
    """
    Return whether tables of *revision* (None: no tables) need migrations for this version.

    Tables of a later version need none if their *oldest* compatible revision is known, so that the previous version
    keeps running during an upgrade, and can start again.

    Raises:
        StoreTooNew: This version can't use the tables.
    """
    if revision is None or revision in list_schema_revisions():
        return revision != get_newest_revision()
    if oldest not in list_schema_revisions():
        raise StoreTooNew(revision)
    log.warning("database has tables of a later version, which this one can use", revision=revision)
    return False


def get_oldest_revision(connection: sqlite3.Connection) -> str | None:
    """Return the oldest revision whose code can use a database's tables; None if they don't say."""
    if COMPATIBILITY not in list_tables(connection):
        return None
    row = connection.execute("SELECT oldest_revision FROM schema_compatibility").fetchone()
    return str(row[0]) if row else None


def get_revision(connection: sqlite3.Connection) -> str | None:
    """Return the revision of a database; None if it has no Holdfast tables."""
    if VERSIONS not in list_tables(connection):
        return None
    row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    return str(row[0]) if row else None


def is_foreign(connection: sqlite3.Connection) -> bool:
    """Return whether a database has tables, but none from Holdfast, not even from a first start that was killed."""
    return get_revision(connection) is None and bool(list_tables(connection) - {VERSIONS})


def list_tables(connection: sqlite3.Connection) -> set[str]:
    """Return the names of a database's tables, whatever its revision."""
    return {str(row[0]) for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
