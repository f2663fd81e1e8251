"""
Backup files: a database, or an archive (tar) of a database and the sealing keys that decrypt its secrets.

Only the archive contains keys, never the database, so that neither a restored database nor its next backup has them.
"""

import io
import shutil
import tarfile
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from holdfast.files.sealing_keys import UnusableSealingKey, read_keys, write_keys
from holdfast.server.machine.directories import DATABASE_FILE
from holdfast.server.sealing.keys import KEY_FILE
from holdfast.store.errors import BackupUnusable
from holdfast.store.sqlite.files import make_file

_MAX_KEYS = 4096  # bytes


@dataclass(frozen=True, slots=True)
class BackupFile:
    """A backup that is being read: its database, and the sealing keys that it includes."""

    database: Path
    keys: tuple[bytes, ...] = field(default=(), repr=False)


def pack(database: Path, keys: Sequence[bytes], archive: Path) -> None:
    """Write *database* and *keys*, the sealing one first, to the new file *archive* (mode 0600). Raises OSError."""
    make_file(archive)
    with archive.open("wb") as output, tarfile.open(fileobj=output, mode="w") as tar:
        text = write_keys(keys)
        _add(tar, KEY_FILE, io.BytesIO(text), len(text))
        with database.open("rb") as content:
            _add(tar, DATABASE_FILE, content, database.stat().st_size)


@contextmanager
def open_backup(file: Path) -> Iterator[BackupFile]:
    """
    Open a backup of either kind; what is unpacked, to TMPDIR, is removed at the end.

    Raises:
        BackupUnusable: *file* is missing, or an archive of something else.
        OSError: TMPDIR has no space.
    """
    if not file.is_file():
        raise BackupUnusable(file, "it is not a file." if file.exists() else "there is no such file.")
    if not tarfile.is_tarfile(file):
        yield BackupFile(file)
        return
    with tempfile.TemporaryDirectory(prefix=".holdfast-restore-") as own:
        database = Path(own) / DATABASE_FILE
        try:
            with tarfile.open(file, mode="r:") as tar:
                # Nothing is unpacked by the names and modes in the archive.
                text = _open_member(tar, KEY_FILE).read(_MAX_KEYS).decode("ascii")
                keys = read_keys(text, f"The sealing key in {file}") if text else ()  # without secrets, there is none
                make_file(database)
                with database.open("wb") as output:
                    shutil.copyfileobj(_open_member(tar, DATABASE_FILE), output)
        except (tarfile.TarError, KeyError, UnicodeDecodeError, EOFError) as error:
            raise BackupUnusable(file, "it is not a complete archive of a backup.") from error
        except UnusableSealingKey as error:
            raise BackupUnusable(file, f"{str(error).rstrip('.')}.") from None
        yield BackupFile(database, keys)


def _add(tar: tarfile.TarFile, name: str, content: BinaryIO, size: int) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mode = size, 0o600
    tar.addfile(member, content)


def _open_member(tar: tarfile.TarFile, name: str) -> BinaryIO:
    content = tar.extractfile(name)
    if content is None:  # a directory or a device
        raise KeyError(name)
    return content  # type: ignore[return-value]
