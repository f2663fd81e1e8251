"""
`holdfast backup` and `holdfast restore`: copy the database into a file, and back.

A backup is a copy of the database without the sealing key: anyone who has both can read the secrets in it.
"""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from holdfast.files.replacement import flush
from holdfast.files.sealing_keys import UnusableSealingKey
from holdfast.network.sockets import CannotStart
from holdfast.server.database import database_location
from holdfast.server.directories import DATABASE_FILE, data_directory, database_in
from holdfast.server.sealing_keys import open_sealing
from holdfast.server.settings import Settings
from holdfast.store.database import Store
from holdfast.store.errors import BackupUnusable, StoreDamaged, StoreForeign, StoreMixed
from holdfast.store.location import PostgresqlLocation
from holdfast.store.recovery.contents import Contents, read_contents, sealed_secrets
from holdfast.store.recovery.copies import copy_database
from holdfast.store.recovery.replacement import finish, is_unfinished, replace_database, stage
from holdfast.store.recovery.write_ahead_log import check_log
from holdfast.store.sealing import CannotUnseal
from holdfast.store.sqlite.files import make_file, open_to_read


@dataclass(frozen=True, slots=True)
class Backup:
    """A backup that was written; *size* in bytes."""

    size: int
    contents: Contents


@dataclass(frozen=True, slots=True)
class Restored:
    """A restored backup, the path of the old database, and the number of secrets that can't be decrypted."""

    contents: Contents
    kept: Path | None
    lost_secrets: int


class SecretsLost(CannotStart):
    """The current sealing key can't decrypt secrets in the backup."""

    def __init__(self, file: Path, count: int, why: str) -> None:
        secrets = "1 secret" if count == 1 else f"{count} secrets"
        super().__init__(
            f"{secrets} in {file} can't be decrypted: {why}. Nothing was changed. Use the sealing key from the time of "
            "the backup, or add --without-keys to restore everything else."
        )


def back_up(settings: Settings, target: Path) -> Backup:
    """
    Write the database into the new file *target*, even while Holdfast is running on it.

    Raises:
        CannotStart: There is no database, or *target* exists.
        StoreFailure: The database can't be read or is damaged, or *target* can't be written.
        OSError: The directory of *target* can't be written.
    """
    if target.is_dir():
        raise CannotStart(f"{target} is a directory. Name a new file in it.")
    if not target.parent.is_dir():
        raise CannotStart(f"{target.parent} isn't a directory. Create it, or choose another one.")
    if target.exists():
        raise _exists(target)
    with _copy_in(settings, target.parent) as (copy, backup):
        try:
            make_file(target)  # unlike a rename, this fails if the file exists
        except FileExistsError:
            raise _exists(target) from None
        copy.replace(target)
        flush(target.parent)
    return backup


def stream_backup(settings: Settings, output: BinaryIO) -> Backup:
    """Write the database into *output*, through a temporary file. Raises like `back_up`."""
    with _copy_in(settings, None) as (copy, backup):
        with copy.open("rb") as source:
            shutil.copyfileobj(source, output)
        output.flush()
        return backup


def restore(settings: Settings, file: Path, *, without_keys: bool = False) -> Restored:
    """
    Replace the database in the data directory by the one in *file*, and keep the old one.

    With PostgreSQL, copy *file* into an empty database, completely or not at all.

    With *without_keys*, restore it even if the sealing key can't decrypt all secrets in it.

    Raises:
        CannotStart: Holdfast is running there; SecretsLost.
        StoreFailure: BackupUnusable, or the disk is full.
    """
    data = settings.data.expanduser()
    database = database_in(data)
    contents = _check_backup(file, database)
    location = database_location(settings, data)
    if isinstance(location, PostgresqlLocation):
        return _restore_to_server(settings, data, file, location, contents, without_keys=without_keys)
    with data_directory(data):
        finish(database)
        try:
            staged = stage(file, database)
        except StoreDamaged as error:
            raise _damaged(file, error) from error
        try:
            count, why = _lost_secrets(settings, data, staged)
            if count and not without_keys:
                raise SecretsLost(file, count, why)
        except BaseException:
            staged.unlink()
            raise
        return Restored(contents, replace_database(database, staged), count)


def _restore_to_server(
    settings: Settings, data: Path, file: Path, location: PostgresqlLocation, contents: Contents, *, without_keys: bool
) -> Restored:
    """Copy the backup *file* into an empty database of a server, after bringing a copy of it up to date."""
    from holdfast.store.postgresql.copying import copy_to_server

    with data_directory(data), tempfile.TemporaryDirectory(prefix=".holdfast-restore-", dir=data) as own:
        staged = Path(own) / DATABASE_FILE
        try:
            copy_database(file, staged)
        except StoreDamaged as error:
            raise _damaged(file, error) from error
        count, why = _lost_secrets(settings, data, staged)
        if count and not without_keys:
            raise SecretsLost(file, count, why)
        Store(staged).close()  # its migrations
        copy_to_server(staged, location)
    return Restored(contents, None, count)


def _exists(target: Path) -> CannotStart:
    return CannotStart(f"{target} already exists. Choose another name or remove it.")


def _damaged(file: Path, error: StoreDamaged) -> BackupUnusable:
    return BackupUnusable(file, f"it is damaged ({error.reason}).")


def _check_backup(file: Path, database: Path) -> Contents:
    """Check, before anything is written, that *file* is a backup of this version or an earlier one."""
    if not file.is_file():
        raise BackupUnusable(file, "it is not a file." if file.exists() else "there is no such file.")
    if database.exists() and file.samefile(database):
        raise BackupUnusable(file, "it is the database in use.")
    try:
        check_log(file)
        return read_contents(file)
    except StoreDamaged as error:
        raise _damaged(file, error) from error
    except StoreMixed as error:
        raise BackupUnusable(file, error.text) from error
    except StoreForeign as error:
        raise BackupUnusable(file, "it is not a database of Holdfast.") from error


@contextmanager
def _copy_in(settings: Settings, directory: Path | None) -> Iterator[tuple[Path, Backup]]:
    """Copy the database into a temporary file in *directory* (None: TMPDIR), and describe it; remove it at the end."""
    data = settings.data.expanduser()
    location = database_location(settings, data)
    if isinstance(location, PostgresqlLocation):
        from holdfast.store.postgresql.backups import copy_to_file

        with tempfile.TemporaryDirectory(prefix=".holdfast-backup-", dir=directory) as own:
            staged, copy = Path(own) / "staged.sqlite", Path(own) / DATABASE_FILE
            copy_to_file(location, staged)
            copy_database(staged, copy)  # a single file that is complete on disk
            yield copy, Backup(copy.stat().st_size, read_contents(copy))
        return
    database = database_in(data)
    if not database.is_file():
        raise CannotStart(f"There is no Holdfast database in {data}. Choose its directory with --data.")
    if is_unfinished(database):
        raise CannotStart(f"A restore into {data} was interrupted. Start Holdfast to finish it, then make a backup.")
    check_log(database)
    with tempfile.TemporaryDirectory(prefix=".holdfast-backup-", dir=directory) as own:
        copy = Path(own) / DATABASE_FILE
        copy_database(database, copy)
        try:
            contents = read_contents(copy)
        except StoreForeign:
            raise StoreForeign(database) from None
        yield copy, Backup(copy.stat().st_size, contents)


def _lost_secrets(settings: Settings, data: Path, database: Path) -> tuple[int, str]:
    """Return the number of secrets that the current sealing key can't decrypt, and the reason for the last one."""
    count, why = 0, ""
    sealing = open_sealing(settings, data)
    with open_to_read(database) as connection:
        for each in sealed_secrets(connection):
            try:
                sealing.open(each.sealed, each.organization, each.row)
            except CannotUnseal as error:
                count, why = count + 1, error.why
            except UnusableSealingKey as error:
                count, why = count + 1, str(error).rstrip(".")
    return count, why
