"""
Errors of the database: what happened, and what to do about it. Nothing was saved.
"""

import errno
from pathlib import Path

from holdfast.refusals import Busy

RESTORE = "Stop Holdfast and restore a backup with `holdfast restore FILE`."
_NO_SPACE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class StoreFailure(RuntimeError):
    """The database can't be used at the moment."""

    def __init__(self, text: str, advice: str) -> None:
        """*text* says what happened, *advice* what to do."""
        self.text = text
        self.advice = advice
        super().__init__(f"{text} {advice}")


class StoreBusy(StoreFailure, Busy):
    """A writer gave up because other writers took too long; *seconds* is how long to wait before a retry."""

    seconds = 5

    def __init__(self) -> None:
        super().__init__("The database is busy saving other changes.", f"Try again in {self.seconds} seconds.")


class StoreFull(StoreFailure):
    """There is no space left to write; *public* is the message for clients, who don't learn where files are."""

    public = (
        "The disk that Holdfast stores its data on is full, so nothing was saved. Ask the operator of Holdfast to free "
        "space, then try again."
    )

    def __init__(self, path: Path, reason: str) -> None:
        text = f"There is no space to write {path} ({reason})."
        super().__init__(text, "Free disk space or raise the quota, then try again.")


class StoreReadOnly(StoreFailure):
    """The database or its directory can't be written; *public* is the message for clients."""

    public = (
        "Holdfast can't write to its data directory, so nothing was saved. Ask the operator of Holdfast to run "
        "`holdfast doctor`, then try again."
    )

    def __init__(self, path: Path, reason: str) -> None:
        text = f"Can't open or write {path} or its directory ({reason})."
        super().__init__(text, "Make both writable for the user that runs Holdfast.")


class StoreDamaged(StoreFailure):
    """The database file is damaged or incomplete."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path} is damaged: {reason}.", RESTORE)
        self.reason = reason


class StoreMixed(StoreFailure):
    """The write-ahead log next to the database belongs to another database."""

    def __init__(self, path: Path) -> None:
        text = (
            f"{path}-wal is not the write-ahead log of {path}: the database was replaced with another file, "
            "but its log was not."
        )
        super().__init__(text, RESTORE)


class StoreForeign(StoreFailure):
    """The file was created by another program, or has no tables yet."""

    def __init__(self, path: Path) -> None:
        text = f"{path} isn't a Holdfast database, or has no tables yet."
        super().__init__(text, "Choose another directory with --data, or move the file.")


class BackupUnusable(StoreFailure):
    """The file can't be restored."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path} can't be restored: {reason}", "Nothing was changed. Choose another backup.")


class StoreTooNew(StoreFailure):
    """The database's tables have a revision that this version of Holdfast doesn't know."""

    def __init__(self, revision: str) -> None:
        self.revision = revision
        text = f"The database has revision {revision}, which this version of Holdfast doesn't know."
        super().__init__(text, "Run the version of Holdfast that wrote it, or a newer one.")


class StoreUnreadable(StoreFailure):
    """The database can't be read, for a reason that SQLite gives."""

    def __init__(self, path: Path, reason: str) -> None:
        text = f"Can't read {path} ({reason})."
        super().__init__(text, "Check that it is a Holdfast database, and run this as the user that runs Holdfast.")


def unwritable(error: BaseException | None) -> StoreFull | StoreReadOnly | None:
    """Return why nothing can be saved if that is what *error*, from the database or another file, means; else None."""
    if isinstance(error, StoreFull | StoreReadOnly):
        return error
    if not isinstance(error, OSError):
        return None
    path, reason = Path(str(error.filename or "a file")), error.strerror or str(error)
    if error.errno in _NO_SPACE:
        return StoreFull(path, reason)
    return StoreReadOnly(path, reason) if error.errno == errno.EROFS else None
