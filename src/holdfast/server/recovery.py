"""
`holdfast backup` and `holdfast restore`: the database in one file, and back into its place.

A backup is the database. It doesn't include the sealing key: whoever has both can read the private keys of gateways.
"""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from holdfast.network.sockets import CannotStart
from holdfast.server.directories import DATABASE_FILE, data_directory, database_in
from holdfast.server.sealing_keys import open_sealing
from holdfast.server.settings import Settings
from holdfast.store.errors import BackupUnusable, StoreDamaged, StoreForeign, StoreMixed
from holdfast.store.recovery.contents import Contents, read_contents, sealed_keys
from holdfast.store.recovery.copies import copy_database, flush_directory
from holdfast.store.recovery.replacement import finish, is_unfinished, replace_database, stage
from holdfast.store.recovery.write_ahead_log import check_log
from holdfast.store.sealing import CannotUnseal, UnusableSealingKey
from holdfast.store.sqlite import make_file, open_to_read


@dataclass(frozen=True, slots=True)
class Backup:
    """What was backed up; *size* in bytes."""

    size: int
    contents: Contents


@dataclass(frozen=True, slots=True)
class Restored:
    """What was restored, where the database is that was there before, and how many private keys can't be opened."""

    contents: Contents
    kept: Path | None
    lost_keys: int


class KeysLost(CannotStart):
    """The sealing key at hand doesn't open private keys of the backup."""

    def __init__(self, file: Path, count: int, why: str) -> None:
        keys = "1 private key" if count == 1 else f"{count} private keys"
        super().__init__(
            f"{keys} in {file} can't be opened: {why}. Nothing was changed. Put the sealing key in place that was used "
            "when the backup was made, or add --without-keys to restore everything else."
        )


def back_up(settings: Settings, target: Path) -> Backup:
    """
    Write the database, also while a Holdfast runs on it, into the new file *target*.

    Raises:
        CannotStart: There is no database, or *target* exists.
        StoreFailure: The database can't be read or is damaged, or *target* can't be written.
        OSError: The same of the directory of *target*.
    """
    if target.is_dir():
        raise CannotStart(f"{target} is a directory. Name a new file in it.")
    if not target.parent.is_dir():
        raise CannotStart(f"{target.parent} is not a directory. Make it, or choose another one.")
    if target.exists():
        raise _exists(target)
    with _copy_in(settings, target.parent) as (copy, backup):
        try:
            make_file(target)  # unlike a rename, this fails if there is such a file
        except FileExistsError:
            raise _exists(target) from None
        copy.replace(target)
        flush_directory(target.parent)
    return backup


def stream_backup(settings: Settings, output: BinaryIO) -> Backup:
    """Write the database into *output*, by way of a temporary file. Raises as `back_up`."""
    with _copy_in(settings, None) as (copy, backup):
        with copy.open("rb") as source:
            shutil.copyfileobj(source, output)
        output.flush()
        return backup


def restore(settings: Settings, file: Path, *, without_keys: bool = False) -> Restored:
    """
    Put the database in *file* in the place of the one in the data directory, which is kept.

    *without_keys* restores it even if the sealing key doesn't open all private keys in it.

    Raises:
        CannotStart: A Holdfast runs there; KeysLost.
        StoreFailure: BackupUnusable, or there is no space.
    """
    data = settings.data.expanduser()
    database = database_in(data)
    contents = _check_backup(file, database)
    with data_directory(data):
        finish(database)
        try:
            staged = stage(file, database)
        except StoreDamaged as error:
            raise BackupUnusable(file, error.text) from error
        try:
            count, why = _lost_keys(settings, data, staged)
            if count and not without_keys:
                raise KeysLost(file, count, why)
        except BaseException:
            staged.unlink()
            raise
        return Restored(contents, replace_database(database, staged), count)


def _exists(target: Path) -> CannotStart:
    return CannotStart(f"{target} already exists. Choose another name or remove it.")


def _check_backup(file: Path, database: Path) -> Contents:
    """See, before anything is made, that *file* is a backup of this version or an earlier one."""
    if not file.is_file():
        raise BackupUnusable(file, "it is not a file." if file.exists() else "there is no such file.")
    if database.exists() and file.samefile(database):
        raise BackupUnusable(file, "it is the database in use.")
    try:
        check_log(file)
        return read_contents(file)
    except (StoreDamaged, StoreMixed) as error:
        raise BackupUnusable(file, error.text) from error
    except StoreForeign as error:
        raise BackupUnusable(file, "it is not a database of Holdfast.") from error


@contextmanager
def _copy_in(settings: Settings, directory: Path | None) -> Iterator[tuple[Path, Backup]]:
    """Copy the database into a file below *directory* (None: TMPDIR) that is gone when the block ends; describe it."""
    data = settings.data.expanduser()
    database = database_in(data)
    if not database.is_file():
        raise CannotStart(f"There is no Holdfast in {data}. Choose its directory with --data.")
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


def _lost_keys(settings: Settings, data: Path, database: Path) -> tuple[int, str]:
    """Count the private keys that the sealing key at hand doesn't open, and say why the last one doesn't."""
    count, why = 0, ""
    sealing = open_sealing(settings, data)
    with open_to_read(database) as connection:
        for key in sealed_keys(connection):
            try:
                sealing.open(key.sealed, key.organization, key.row)
            except CannotUnseal as error:
                count, why = count + 1, error.why
            except UnusableSealingKey as error:
                count, why = count + 1, str(error).rstrip(".")
    return count, why
