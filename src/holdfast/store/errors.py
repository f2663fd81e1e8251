"""
Why the database did not do what it was asked: what happened, and what to do about it. Nothing was saved.
"""

import errno
from pathlib import Path

from holdfast.refusals import Busy

RESTORE = "Stop Holdfast and restore a backup with `holdfast restore FILE`."
_NO_SPACE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class StoreFailure(RuntimeError):
    """The database can't be used at this moment."""

    def __init__(self, text: str, advice: str) -> None:
        """*text* says what happened, *advice* what to do."""
        self.text = text
        self.advice = advice
        super().__init__(f"{text} {advice}")


class StoreBusy(StoreFailure, Busy):
    """Others wrote for so long that a writer gave up; *seconds* is how long to wait before the next attempt."""

    seconds = 5

    def __init__(self) -> None:
        super().__init__("The database is busy saving other changes.", f"Try again in {self.seconds} seconds.")


class StoreFull(StoreFailure):
    """There is no space left to write; *public* is what clients may know of it, which is not where files are."""

    public = (
        "The disk that Holdfast stores its data on is full, so nothing was saved. Ask the operator of Holdfast to free "
        "space, then try again."
    )

    def __init__(self, path: Path, reason: str) -> None:
        text = f"There is no space to write {path} ({reason})."
        super().__init__(text, "Free space on its disk or raise its quota, then try again.")


class StoreReadOnly(StoreFailure):
    """The database or its directory can't be written; *public* as above."""

    public = (
        "Holdfast can't write to its data directory, so nothing was saved. Ask the operator of Holdfast to run "
        "`holdfast doctor`, then try again."
    )

    def __init__(self, path: Path, reason: str) -> None:
        text = f"{path} or its directory can't be opened or written ({reason})."
        super().__init__(text, "Let the user of Holdfast write both.")


class StoreDamaged(StoreFailure):
    """The file is not a whole database."""

    def __init__(self, path: Path, reason: str) -> None:
        text = f"{path} is damaged: {reason}."
        super().__init__(text, RESTORE)


class StoreMixed(StoreFailure):
    """A database file next to a write-ahead log that was written for another one."""

    def __init__(self, path: Path) -> None:
        text = (
            f"{path}-wal is not the write-ahead log of {path}: the database was replaced with another file "
            "while its log stayed."
        )
        super().__init__(text, RESTORE)


class StoreForeign(StoreFailure):
    """A file that another program made, or that has no tables yet."""

    def __init__(self, path: Path) -> None:
        text = f"{path} isn't a database of Holdfast, or has no tables yet."
        super().__init__(text, "Choose another directory with --data, or move the file away.")


class BackupUnusable(StoreFailure):
    """A file that can't be restored."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path} can't be restored: {reason}", "Nothing was changed. Choose another backup.")


class StoreTooNew(StoreFailure):
    """The tables are of a revision that this version doesn't know."""

    def __init__(self, revision: str) -> None:
        self.revision = revision
        text = f"The tables are of revision {revision}, which this version does not know."
        super().__init__(text, "Run the version of Holdfast that wrote them, or a newer one.")


class StoreUnreadable(StoreFailure):
    """The database can't be used, for a reason that only SQLite knows."""

    def __init__(self, path: Path, reason: str) -> None:
        text = f"{path} cannot be read ({reason})."
        super().__init__(text, "Check that this is the database of a Holdfast, and run this as its user.")


def unwritable(error: BaseException | None) -> StoreFull | StoreReadOnly | None:
    """Say whether *error*, from the database or from another file, means that nothing can be saved, and why."""
    if isinstance(error, StoreFull | StoreReadOnly):
        return error
    if not isinstance(error, OSError):
        return None
    path, reason = Path(str(error.filename or "a file")), error.strerror or str(error)
    if error.errno in _NO_SPACE:
        return StoreFull(path, reason)
    return StoreReadOnly(path, reason) if error.errno == errno.EROFS else None
