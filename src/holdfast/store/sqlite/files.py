"""
SQLite's files: creating them, reading them next to a running Holdfast, and the meaning of errors.
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import quote

from holdfast.store.errors import (
    StoreBusy,
    StoreDamaged,
    StoreFailure,
    StoreFull,
    StoreReadOnly,
    StoreUnreadable,
    explain_unwritable,
)
from holdfast.store.turns import PATIENCE

_NO_SPACE = {sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_SHMSIZE}  # a quota or limit; SQLITE_FULL is a full disk
_MEANINGS: dict[int, type[StoreFull | StoreReadOnly | StoreDamaged | StoreUnreadable]] = {
    sqlite3.SQLITE_FULL: StoreFull,
    sqlite3.SQLITE_READONLY: StoreReadOnly,
    sqlite3.SQLITE_CANTOPEN: StoreReadOnly,
    sqlite3.SQLITE_PERM: StoreReadOnly,
    sqlite3.SQLITE_CORRUPT: StoreDamaged,
    sqlite3.SQLITE_NOTADB: StoreDamaged,
    sqlite3.SQLITE_IOERR: StoreUnreadable,
}
_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL}


def make_file(path: Path) -> None:
    """Create an empty file with mode 0600, which SQLite copies to its log. Raises FileExistsError, StoreFailure."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise
    except OSError as error:
        raise explain_unwritable(error) or StoreReadOnly(path, error.strerror or str(error)) from error
    os.fchmod(descriptor, 0o600)
    os.close(descriptor)


def name_log(path: Path) -> Path:
    """Return the path of a database's write-ahead log: next to the file itself, not to a symbolic link to it."""
    return Path(f"{os.path.realpath(path)}-wal")


def connect_to_read(path: Path) -> sqlite3.Connection:
    """Open a database read-only, whether or not a Holdfast runs on it."""
    # Without a log next to it, no process has it open, and reading doesn't need to create files.
    how = "mode=ro" if name_log(path).exists() else "mode=ro&immutable=1"
    connection = sqlite3.connect(
        f"file:{quote(os.fsencode(path.absolute()))}?{how}", uri=True, timeout=PATIENCE, isolation_level=None
    )
    connection.text_factory = read_text
    return connection


@contextmanager
def open_to_read(path: Path) -> Iterator[sqlite3.Connection]:
    """Open a database read-only until the block ends; SQLite's errors within it become StoreFailure."""
    try:
        with closing(connect_to_read(path)) as connection:
            yield connection
    except sqlite3.Error as error:
        raise explain(error, path) or StoreUnreadable(path, str(error)) from error


def read_text(text: bytes) -> str:
    """Return a stored text; damaged bytes become U+FFFD, so that no statement fails because of them."""
    return text.decode("utf-8", "replace")


def explain(error: sqlite3.Error, path: Path) -> StoreFailure | None:
    """Return the failure that an SQLite error means for *path*; None if it is about the statement, not the file."""
    code = getattr(error, "sqlite_errorcode", 0)
    if code & 0xFF in _BUSY:
        return StoreBusy()
    if code in _NO_SPACE:
        return StoreFull(path, str(error))
    meaning = _MEANINGS.get(code & 0xFF)
    return meaning(path, str(error)) if meaning else None
