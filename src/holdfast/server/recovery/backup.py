"""
`holdfast backup` and `holdfast restore`: copy the database into a file, and back.

By default, a backup doesn't include the sealing key: anyone who has both can read the secrets in it.
"""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from holdfast.files.replacement import flush
from holdfast.network.sockets import CannotStart
from holdfast.server.clock import utc_now
from holdfast.server.database.opening import read_location
from holdfast.server.machine.directories import DATABASE_FILE
from holdfast.server.recovery.audit import record_backup
from holdfast.server.recovery.backup_files import pack
from holdfast.server.sealing.keys import read_all_keys
from holdfast.server.settings import Settings
from holdfast.store.errors import StoreForeign
from holdfast.store.location import PostgresqlLocation
from holdfast.store.recovery.contents import Contents, count_lost, read_contents
from holdfast.store.recovery.copies import copy_database
from holdfast.store.recovery.replacement import is_unfinished
from holdfast.store.recovery.write_ahead_log import check_log
from holdfast.store.sealing import Sealing
from holdfast.store.sqlite.files import make_file


@dataclass(frozen=True, slots=True)
class Backup:
    """
    A backup that was written; *size* in bytes.

    *lost_secrets* is how many secrets its own sealing key can't decrypt, and *unrecorded* why the audit log lacks it.
    """

    size: int
    contents: Contents
    lost_secrets: int = 0
    unrecorded: str = ""


def write_backup(settings: Settings, target: Path, *, with_sealing_key: bool = False) -> Backup:
    """
    Write the database into the new file *target*, even while Holdfast is running on it.

    Raises:
        CannotStart: There is no database, *target* exists, or the sealing key can't be read.
        StoreFailure: The database can't be read or is damaged, or *target* can't be written.
        OSError: The directory of *target* can't be written.
    """
    if target.is_dir():
        raise CannotStart(f"{target} is a directory. Name a new file in it.")
    if not target.parent.is_dir():
        raise CannotStart(f"{target.parent} isn't a directory. Create it, or choose another one.")
    if target.exists():
        raise _refuse_existing(target)
    with open_copy(settings, target.parent, with_sealing_key=with_sealing_key) as (copy, backup):
        try:
            make_file(target)  # unlike a rename, this fails if the file exists
        except FileExistsError:
            raise _refuse_existing(target) from None
        copy.replace(target)
        flush(target.parent)
    return _record(settings, backup, target.name, with_sealing_key=with_sealing_key)


def stream_backup(settings: Settings, output: BinaryIO, *, with_sealing_key: bool = False) -> Backup:
    """Write the database into *output*, through a temporary file. Raises like `write_backup`."""
    with open_copy(settings, None, with_sealing_key=with_sealing_key) as (copy, backup):
        with copy.open("rb") as source:
            shutil.copyfileobj(source, output)
        output.flush()
    return _record(settings, backup, "standard output", with_sealing_key=with_sealing_key)


@contextmanager
def open_copy(
    settings: Settings, directory: Path | None, *, with_sealing_key: bool = False
) -> Iterator[tuple[Path, Backup]]:
    """Copy the database into a temporary file in *directory* (None: TMPDIR), and describe it; remove it at the end."""
    data = settings.data.expanduser()
    location = read_location(settings, data)
    if not isinstance(location, PostgresqlLocation):
        _check(location, data)
    with tempfile.TemporaryDirectory(prefix=".holdfast-backup-", dir=directory) as own:
        copy = Path(own) / DATABASE_FILE
        if isinstance(location, PostgresqlLocation):
            from holdfast.store.postgresql.backups import copy_to_file

            rows = Path(own) / "staged.sqlite"
            copy_to_file(location, rows, utc_now())
            copy_database(rows, copy)  # a single file that is complete on disk
            rows.unlink()
            contents = read_contents(copy)
        else:
            copy_database(location, copy)
            try:
                contents = read_contents(copy)
            except StoreForeign:
                raise StoreForeign(location) from None
        if not with_sealing_key:
            yield copy, Backup(copy.stat().st_size, contents)
            return
        keys, archive = read_all_keys(settings, data), Path(own) / "backup.tar"
        lost_secrets, _ = count_lost(copy, Sealing(lambda: keys))
        pack(copy, keys, archive)
        flush(archive)
        yield archive, Backup(archive.stat().st_size, contents, lost_secrets)


def _check(database: Path, data: Path) -> None:
    if not database.is_file():
        raise CannotStart(f"There is no Holdfast database in {data}. Choose its directory with --data.")
    if is_unfinished(database):
        raise CannotStart(f"A restore into {data} was interrupted. Start Holdfast to finish it, then make a backup.")
    check_log(database)


def _record(settings: Settings, backup: Backup, name: str, *, with_sealing_key: bool) -> Backup:
    """Write the backup to the audit log; a database that can't be written, such as on a full disk, can be backed up."""
    location = read_location(settings, settings.data.expanduser())
    revision = backup.contents.revision
    return replace(
        backup, unrecorded=record_backup(location, revision, name, utc_now(), with_sealing_key=with_sealing_key)
    )


def _refuse_existing(target: Path) -> CannotStart:
    return CannotStart(f"{target} already exists. Choose another name or remove it.")
