"""
Replacement of a database and its write-ahead log. After a crash at any moment, either the old or the new one is intact.

The new database is first copied next to the old one. Renaming that copy is the point of no return: then this process,
or the next start after a crash, moves the old files away and the new one into their place.
"""

from datetime import UTC, datetime
from pathlib import Path

from holdfast.files.replacement import flush
from holdfast.store.recovery.copies import copy_database, remove_copy, write_time
from holdfast.store.recovery.write_ahead_log import check_log

_BESIDE = ("-wal", "-journal")  # files that SQLite applies to a database of their name
_SHARED_MEMORY = "-shm"


def stage(source: Path, database: Path) -> Path:
    """Copy *source* next to *database*, which it will replace, and return the copy's path. Raises StoreFailure."""
    staged_copy = database.with_name(f"{database.name}.restoring")
    remove_copy(staged_copy)
    check_log(source)
    copy_database(source, staged_copy)
    return staged_copy


def replace_database(database: Path, staged_copy: Path) -> Path | None:
    """Replace *database* with *staged*, and return the path of the old database, if there was one."""
    staged_copy.replace(_name_decision_file(database))
    flush(database.parent)
    return finish(database)


def is_unfinished(database: Path) -> bool:
    """Return whether a restore was interrupted after its point of no return."""
    return _name_decision_file(database).exists()


def finish(database: Path) -> Path | None:
    """Complete a restore that has passed its point of no return; return the path of the old database, if any."""
    new = _name_decision_file(database)
    if not new.exists():
        return None
    old_database = _move_away(database, datetime.fromtimestamp(new.stat().st_mtime, UTC))
    flush(database.parent)
    new.replace(database)
    flush(database.parent)
    return old_database


def name_old_database(database: Path, at: datetime) -> Path:
    """Return a new name next to *database* for what a restore replaces."""
    first = name = database.with_name(f"{database.name}.before-restore-{write_time(at)}")
    number = 1
    while name.exists():
        number += 1
        name = first.with_name(f"{first.name}-{number}")
    return name


def _name_decision_file(database: Path) -> Path:
    return database.with_name(f"{database.name}.restored")


def _move_away(database: Path, at: datetime) -> Path | None:
    """Rename the old database and its log; after a crash, the same name is used again."""
    old_database = name_old_database(database, at)
    for ending in (*_BESIDE, ""):
        old = database.with_name(database.name + ending)
        if old.exists():
            old.replace(old_database.with_name(old_database.name + ending))
    database.with_name(database.name + _SHARED_MEMORY).unlink(missing_ok=True)
    return old_database if old_database.exists() else None
