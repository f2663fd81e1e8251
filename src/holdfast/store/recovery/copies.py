"""
Copies of a database: consistent even while it is in use, complete on disk, and readable only by their owner.
"""

import sqlite3
from contextlib import closing
from datetime import datetime
from pathlib import Path

from holdfast.files.replacement import flush
from holdfast.store.errors import StoreDamaged, StoreFull, StoreReadOnly, StoreUnreadable
from holdfast.store.recovery.integrity import find_damage
from holdfast.store.sqlite.files import explain, make_file, open_to_read

MAX_COPIES = 3  # copies from before migrations
_TIME = "%Y%m%dT%H%M%SZ"


def copy_database(source: Path, target: Path) -> None:
    """
    Copy the database *source*, including its write-ahead log, into the new file *target* with mode 0600.

    On return, *target* is a single file that is complete on disk; after a failure, it doesn't exist.

    Raises:
        FileExistsError: *target* exists.
        StoreFailure: *source* can't be read or is damaged, or *target* can't be written.
    """
    make_file(target)
    try:
        with open_to_read(source) as original:
            _copy(original, target, source)
        flush(target)
    except BaseException:
        remove_copy(target)
        raise
    flush(target.parent)


def _copy(original: sqlite3.Connection, target: Path, source: Path) -> None:
    try:
        with closing(sqlite3.connect(target, isolation_level=None)) as copy:
            original.backup(copy)
        with closing(sqlite3.connect(target, isolation_level=None)) as copy:
            copy.execute("PRAGMA journal_mode = DELETE")  # so that the copy is a single file
            damage = find_damage(copy)
    except sqlite3.Error as error:
        failure = explain(error, target)
        if isinstance(failure, StoreFull | StoreReadOnly):
            raise failure from error
        raise explain(error, source) or StoreUnreadable(source, str(error)) from error
    if damage:
        raise StoreDamaged(source, damage[0])


def remove_copy(path: Path) -> None:
    """Remove a copy, even an interrupted one, with the files that SQLite created for it."""
    for ending in ("", "-journal", "-wal", "-shm"):
        path.with_name(path.name + ending).unlink(missing_ok=True)


def copy_before_migration(path: Path, revision: str, now: datetime) -> Path:
    """
    Copy the database at *path* next to it before its migration to *revision*, and return the copy's path.

    The latest MAX_COPIES copies stay. Raises StoreFailure.
    """
    partial_copy = path.with_name(f"{path.name}.copying")
    remove_copy(partial_copy)
    copy_database(path, partial_copy)
    copy = path.with_name(f"{path.name}.before-{revision}-{write_time(now)}")
    partial_copy.replace(copy)
    flush(path.parent)
    earlier = sorted(
        path.parent.glob(f"{path.name}.before-[0-9]*Z"), key=lambda copy: copy.name[-len("20260101T000000Z") :]
    )
    for old in earlier[:-MAX_COPIES]:
        old.unlink()
    return copy


def write_time(now: datetime) -> str:
    """Return a time in UTC in the format of file names."""
    return now.strftime(_TIME)
