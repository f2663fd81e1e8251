"""
Errors of the database: what happened, and what to do about it. Nothing was saved.
"""

import errno
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from holdfast.refusals import Busy, TryLater

RESTORE = "Stop Holdfast and restore a backup with `holdfast restore FILE`."
_UNSAVED = ", so nothing was saved"  # in messages for clients; of a request that only reads, it says nothing
_NO_SPACE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class StoreFailure(RuntimeError):
    """The database can't be used at the moment; *public*, if it isn't empty, is the message for clients."""

    public: ClassVar[str] = ""

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


class StoreSlow(StoreBusy):
    """PostgreSQL canceled a statement or a transaction, usually because it took too long."""

    public = f"The database took too long{_UNSAVED}. Try again in 5 seconds."

    def __init__(self, place: str, reason: str) -> None:
        text = f"The {place} canceled a statement ({reason})."
        StoreFailure.__init__(self, text, "Find out what keeps the server busy, for example in pg_stat_activity.")


class StoreUnreachable(StoreFailure, TryLater):
    """The database's server can't be reached, or accepts no connections."""

    seconds = 5
    public = f"Holdfast can't reach its database{_UNSAVED}. Gateways continue to serve APIs. Try again in 5 seconds."

    def __init__(
        self, place: str, reason: str, advice: str = "Check that the server runs and that this machine can reach it."
    ) -> None:
        super().__init__(f"Can't connect to the {place} ({reason}).", advice)


class StoreLost(StoreUnreachable):
    """A connection was lost that had been open before."""

    def __init__(self, place: str, reason: str) -> None:
        StoreFailure.__init__(self, f"Lost a connection to the {place} ({reason}).", "Check that the server runs.")


class StoreUncertain(StoreUnreachable):
    """A connection was lost during a commit, so it isn't known whether the changes were saved."""

    public = (
        "Holdfast lost the connection to its database while it saved, so it doesn't know whether the change was "
        "saved. Check that before you try again."
    )

    def __init__(self, failure: StoreFailure) -> None:
        StoreFailure.__init__(self, failure.text, "The change may have been saved. Check that before you try again.")


class StoreCrowded(StoreUnreachable):
    """The server accepts no more connections; those that are open can be used."""

    def __init__(self, place: str, reason: str) -> None:
        advice = "Raise max_connections at the server, or lower HOLDFAST_DATABASE_CONNECTIONS at each control plane."
        super().__init__(place, reason, advice)


class StoreRefused(StoreUnreachable):
    """The server refuses the connection for a reason that waiting doesn't change, such as a wrong password."""


class StoreUnusable(StoreFailure):
    """A server's database can't be used, because of its version, encoding or privileges, for instance."""

    def __init__(self, place: str, reason: str, advice: str) -> None:
        super().__init__(f"Can't use the {place}: {reason}.", advice)


class StoreFull(StoreFailure):
    """There is no space left to write. Clients don't learn where files are."""

    public = (
        f"The disk that Holdfast stores its data on is full{_UNSAVED}. Ask the operator of Holdfast to free "
        "space, then try again."
    )

    def __init__(self, place: Path | str, reason: str) -> None:
        """*place* is a file, or a database and its server."""
        text = f"There is no space to write {place} ({reason})."
        super().__init__(text, "Free disk space or raise the quota, then try again.")


class StoreReadOnly(StoreFailure):
    """The database or its directory can't be written."""

    public = (
        f"Holdfast can't write to its data directory{_UNSAVED}. Ask the operator of Holdfast to run "
        "`holdfast doctor`, then try again."
    )

    def __init__(self, path: Path, reason: str) -> None:
        text = f"Can't open or write {path} or its directory ({reason})."
        super().__init__(text, "Make both writable for the user that runs Holdfast.")


class StoreServerReadOnly(StoreReadOnly):
    """The database's server accepts no changes, because it is a standby or was set to be read-only."""

    public = (
        f"Holdfast's database is read-only{_UNSAVED}. Ask the operator of Holdfast to connect it to the "
        "primary server, then try again."
    )

    def __init__(self, place: str, reason: str) -> None:
        advice = "Connect Holdfast to the primary server, or turn off default_transaction_read_only."
        StoreFailure.__init__(self, f"The {place} is read-only ({reason}).", advice)


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


class StoreTaken(StoreForeign):
    """The database of a server has tables of another program."""

    def __init__(self, place: str) -> None:
        StoreFailure.__init__(self, f"The {place} has tables of another program.", "Create a database for Holdfast.")


class StoreCopying(StoreFailure):
    """A copy into the database of a server isn't complete."""

    def __init__(self, place: str) -> None:
        text = f"A copy into the {place} isn't complete: it is running, or was interrupted."
        super().__init__(text, "Run `holdfast database copy` again.")


class StoreFilled(StoreFailure):
    """The database to copy to has tables already."""

    def __init__(self, place: str) -> None:
        super().__init__(
            f"The {place} isn't empty, so nothing was copied.",
            "Create an empty database, and use that. `holdfast restore --replace` replaces what is there.",
        )


class StoreUsed(StoreFailure):
    """Control planes that would be affected use the database, with these *names*."""

    def __init__(self, names: Sequence[str]) -> None:
        text = f"These control planes are running: {', '.join(names)}. Nothing was changed."
        super().__init__(text, "Stop all control planes of the database, wait 10 seconds, and try again.")


class CopyDiffers(StoreFailure):
    """The rows of a *table* can't be copied as they are."""

    def __init__(self, table: str, reason: str) -> None:
        text = f"The table {table} can't be copied: {reason}."
        super().__init__(text, "Nothing was copied, and the SQLite database is unchanged.")


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


def write_public_text(error: Exception, *, reading: bool = False) -> str:
    """Return the message of *error* for clients, who don't learn where the database is; *reading* saves nothing."""
    text = (error.public if isinstance(error, StoreFailure) else "") or str(error)
    return text.replace(_UNSAVED, "") if reading else text


def explain_unwritable(error: BaseException | None) -> StoreFull | StoreReadOnly | None:
    """Return why nothing can be saved if that is what *error*, from the database or another file, means; else None."""
    if isinstance(error, StoreFull | StoreReadOnly):
        return error
    if not isinstance(error, OSError):
        return None
    path, reason = Path(str(error.filename or "a file")), error.strerror or str(error)
    if error.errno in _NO_SPACE:
        return StoreFull(path, reason)
    return StoreReadOnly(path, reason) if error.errno == errno.EROFS else None
