"""
Replace a database together with its write-ahead log: after a crash at any moment, the old or the new one is whole.

The new database is first copied next to the old one. Renaming that copy decides: from then on this process, or after a
crash the next start, moves the old files away and the new one into their place.
"""

from datetime import UTC, datetime
from pathlib import Path

from holdfast.store.recovery.copies import copy_database, flush_directory, remove_copy, write_time
from holdfast.store.recovery.write_ahead_log import check_log

_BESIDE = ("-wal", "-journal")  # files that SQLite applies to a database of their name
_SHARED_MEMORY = "-shm"


def stage(source: Path, database: Path) -> Path:
    """Copy *source* next to *database*, whose place it will take; give the copy's path. Raises StoreFailure."""
    staged = database.with_name(f"{database.name}.restoring")
    remove_copy(staged)
    check_log(source)
    copy_database(source, staged)
    return staged


def replace_database(database: Path, staged: Path) -> Path | None:
    """Put *staged* in the place of *database*; give the path under which the old one is kept, if there was one."""
    staged.replace(_decided(database))
    flush_directory(database.parent)
    return finish(database)


def is_unfinished(database: Path) -> bool:
    """Say whether a restore was interrupted after the step that counts."""
    return _decided(database).exists()


def finish(database: Path) -> Path | None:
    """Do what is left of a restore that was decided; give the path under which the old database is kept, if any."""
    new = _decided(database)
    if not new.exists():
        return None
    kept = _move_away(database, datetime.fromtimestamp(new.stat().st_mtime, UTC))
    flush_directory(database.parent)
    new.replace(database)
    flush_directory(database.parent)
    return kept


def _decided(database: Path) -> Path:
    return database.with_name(f"{database.name}.restored")


def _move_away(database: Path, at: datetime) -> Path | None:
    """Keep the old database and its log under another name, the same one when this is done again after a crash."""
    first = kept = database.with_name(f"{database.name}.before-restore-{write_time(at)}")
    number = 1
    while kept.exists():
        number += 1
        kept = first.with_name(f"{first.name}-{number}")
    for ending in (*_BESIDE, ""):
        old = database.with_name(database.name + ending)
        if old.exists():
            old.replace(kept.with_name(kept.name + ending))
    database.with_name(database.name + _SHARED_MEMORY).unlink(missing_ok=True)
    return kept if kept.exists() else None
