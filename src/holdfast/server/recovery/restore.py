"""
`holdfast restore`: replace the database by a backup, and keep the previous one.
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from holdfast.files.replacement import flush
from holdfast.network.sockets import CannotStart
from holdfast.server.clock import utc_now
from holdfast.server.database.opening import read_location
from holdfast.server.machine.directories import DATABASE_FILE, locate_database, lock_data_directory
from holdfast.server.recovery.audit import upgrade_and_record_restore
from holdfast.server.recovery.backup import open_copy
from holdfast.server.recovery.backup_files import BackupFile, open_backup
from holdfast.server.sealing.keys import merge_keys, open_added_keys
from holdfast.server.settings import Settings
from holdfast.store.errors import (
    BackupUnusable,
    StoreDamaged,
    StoreFailure,
    StoreForeign,
    StoreMixed,
    StoreUncertain,
)
from holdfast.store.location import Location, PostgresqlLocation
from holdfast.store.recovery.contents import Contents, count_lost, read_contents
from holdfast.store.recovery.copies import copy_database, remove_copy
from holdfast.store.recovery.replacement import finish, name_old_database, replace_database, stage
from holdfast.store.recovery.write_ahead_log import check_log
from holdfast.store.sealing import Sealing


@dataclass(frozen=True, slots=True)
class Choices:
    """The losses that a restore accepts: of secrets, and with PostgreSQL, of what the database contains."""

    without_keys: bool = False
    replace: bool = False


@dataclass(frozen=True, slots=True)
class Restoration:
    """
    A restored backup, the path of the old database, and the number of secrets that can't be decrypted.

    *key_file* is the file to which the sealing key in the backup was added; None: there was nothing to add.
    """

    contents: Contents
    previous: Path | None
    lost_secrets: int
    key_file: Path | None


class SecretsLost(CannotStart):
    """The current sealing key can't decrypt secrets in the backup."""

    def __init__(self, file: Path, count: int, why: str, *, key_is_in_it: bool) -> None:
        secrets = "1 secret" if count == 1 else f"{count} secrets"
        advice = "Use the sealing key from the time of the backup"
        if key_is_in_it:
            advice = "The backup includes a sealing key: unset HOLDFAST_SEALING_KEY to use it"
        super().__init__(
            f"{secrets} in {file} can't be decrypted: {why}. Nothing was changed. {advice}, or add --without-keys to "
            "restore everything else."
        )


class RestoreUncertain(StoreUncertain):
    """The connection was lost while the database of a server was replaced, so it isn't known which one is there."""

    def __init__(self, failure: StoreFailure, backup: Path) -> None:
        """*backup* is a backup of the earlier database."""
        advice = f"The database may have been replaced; {backup} is a backup of the earlier one. Check which is there."
        StoreFailure.__init__(self, failure.text, advice)


def restore_backup(settings: Settings, file: Path, choices: Choices | None = None) -> Restoration:
    """
    Replace the database in the data directory by the one in *file*, and keep the old one.

    With PostgreSQL, copy *file* into a database, completely or not at all; one that isn't empty is replaced on request.

    Raises:
        CannotStart: Holdfast is running there; SecretsLost.
        StoreFailure: BackupUnusable, StoreFilled, StoreUsed, RestoreUncertain, or the disk is full.
    """
    data = settings.data.expanduser()
    location, choices = read_location(settings, data), choices or Choices()
    with open_backup(file) as backup:
        with _name_file_in_errors(file):
            contents = _check_backup(backup.database, locate_database(data))
        with lock_data_directory(data), _stage(backup, file, locate_database(data), location) as copy:
            keys = merge_keys(settings, data, backup.keys)
            lost_secrets, why = count_lost(copy, Sealing(lambda: keys))
            if lost_secrets and not choices.without_keys:
                raise SecretsLost(file, lost_secrets, why, key_is_in_it=bool(backup.keys))
            upgrade_and_record_restore(copy, file.name, utc_now(), with_sealing_key=bool(backup.keys))
            with open_added_keys(settings, data, keys) as key_file:
                if isinstance(location, PostgresqlLocation):
                    previous = _replace_on_server(settings, data, copy, location, choices)
                else:
                    previous = replace_database(locate_database(data), copy)
    if isinstance(location, PostgresqlLocation):
        from holdfast.store.postgresql.copying import update_statistics

        update_statistics(location)
    return Restoration(contents, previous, lost_secrets, key_file)


@contextmanager
def _stage(backup: BackupFile, file: Path, database: Path, location: Location) -> Iterator[Path]:
    """Copy the database of a backup to where it is upgraded; the copy is removed at the end, unless it was moved."""
    if isinstance(location, PostgresqlLocation):
        with tempfile.TemporaryDirectory(prefix=".holdfast-restore-", dir=database.parent) as own:
            copy = Path(own) / DATABASE_FILE
            with _name_file_in_errors(file):
                copy_database(backup.database, copy)
            yield copy
        return
    finish(database)
    with _name_file_in_errors(file):
        copy = stage(backup.database, database)
    try:
        yield copy
    except BaseException:
        remove_copy(copy)
        raise


def _replace_on_server(
    settings: Settings, data: Path, source: Path, location: PostgresqlLocation, choices: Choices
) -> Path | None:
    """Copy *source* to the server; return where what was there is kept as a backup, None if there was nothing."""
    from holdfast.store.postgresql.copying import copy_to_server, has_content

    previous = None
    if choices.replace and has_content(location):
        previous = name_old_database(data / DATABASE_FILE, utc_now())
        with open_copy(settings, data) as (copy, _):
            copy.replace(previous)
            flush(data)
    try:
        copy_to_server(source, location, replace=choices.replace)
    except StoreUncertain as failure:
        if previous:
            raise RestoreUncertain(failure, previous) from failure
        raise
    except StoreFailure:
        if previous:
            previous.unlink()
        raise
    return previous


def _check_backup(file: Path, database: Path) -> Contents:
    """Check, before anything is written, that *file* is a database of this version or an earlier one."""
    if database.exists() and file.samefile(database):
        raise BackupUnusable(file, "it is the database in use.")
    check_log(file)
    return read_contents(file)


@contextmanager
def _name_file_in_errors(file: Path) -> Iterator[None]:
    """Name *file*, which can be an archive, in the failures of reading a backup."""
    try:
        yield
    except StoreDamaged as error:
        raise BackupUnusable(file, f"it is damaged ({error.reason}).") from error
    except StoreMixed as error:
        raise BackupUnusable(file, error.text) from error
    except StoreForeign as error:
        raise BackupUnusable(file, "it is not a database of Holdfast.") from error
