"""
Revisions of the tables: those that this version knows, and the one that a database has.
"""

import sqlite3
from functools import cache
from pathlib import Path

MIGRATIONS = Path(__file__).parent / "migrations"
_VERSIONS = "alembic_version"  # the table that holds the revision; it is made before all others


@cache
def known_revisions() -> tuple[str, ...]:
    """List the revisions of this version, newest first; the names of their files begin with them, like `v0013_`."""
    files = (MIGRATIONS / "versions").glob("v[0-9]*_*.py")
    return tuple(sorted((file.name[1:].partition("_")[0] for file in files), reverse=True))


def newest_revision() -> str:
    """Give the revision that this version works with."""
    return known_revisions()[0]


def revision_of(connection: sqlite3.Connection) -> str | None:
    """Read the revision of a database; None if it has no tables of Holdfast."""
    if _VERSIONS not in tables_of(connection):
        return None
    row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    return str(row[0]) if row else None


def is_foreign(connection: sqlite3.Connection) -> bool:
    """Say whether a database has tables, but none that a Holdfast made, even one that was killed at its first start."""
    return revision_of(connection) is None and bool(tables_of(connection) - {_VERSIONS})


def tables_of(connection: sqlite3.Connection) -> set[str]:
    """Name the tables of a database, whatever its revision."""
    return {str(row[0]) for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
