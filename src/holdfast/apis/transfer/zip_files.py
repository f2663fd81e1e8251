"""
Read untrusted zip files, with limits on the number and size of their files.
"""

import io
import struct
import zipfile
import zlib
from dataclasses import dataclass

from holdfast.apis.errors import InvalidField, UnreadableArchive
from holdfast.apis.text import check_visible

MAX_FILES = 500
MAX_BYTES = 8 * 1024 * 1024  # of all files, uncompressed


@dataclass(frozen=True, slots=True)
class Allowance:
    """The number and size of files that can still be read of an upload, including the archives in it."""

    files: int = MAX_FILES
    size: int = MAX_BYTES  # bytes, uncompressed


def read_zip(data: bytes, allowance: Allowance) -> tuple[dict[str, bytes], Allowance]:
    """
    Return the files of a zip file by path, and what is left of *allowance*.

    If all files are in one folder, their paths begin below it. Archives in the archive aren't read.

    Raises:
        UnreadableArchive: It isn't a zip file, is too large, or has unusable paths.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = [entry for entry in archive.infolist() if not entry.filename.endswith("/")]
            if len(entries) > allowance.files:
                raise UnreadableArchive(f"The archive has {len(entries)} files; the limit is {MAX_FILES}.")
            contents: dict[str, bytes] = {}
            remaining_size = allowance.size
            for entry in entries:
                name = _name(entry)
                if name in contents:
                    raise UnreadableArchive(f"The archive has two files named {name[:200]}. Remove one of them.")
                contents[name] = content = _read_content(archive, entry, remaining_size)
                remaining_size -= len(content)
            return _remove_root(contents), Allowance(allowance.files - len(entries), remaining_size)
    except (zipfile.BadZipFile, zlib.error, struct.error, EOFError, ValueError, RuntimeError, OSError) as error:
        if isinstance(error, UnreadableArchive):
            raise
        raise UnreadableArchive("The file isn't a zip archive, or it is damaged. Export the API again.") from error


def _name(entry: zipfile.ZipInfo) -> str:
    parts = entry.filename.split("/")
    if "\\" in entry.filename or ":" in parts[0] or not all(parts) or {".", ".."} & set(parts):
        raise UnreadableArchive("A file in the archive has a path that leads outside. Nothing was imported.")
    try:
        return check_visible(entry.filename, "file", "The name of a file in the archive")
    except InvalidField as error:
        raise UnreadableArchive(str(error)) from error


def _read_content(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, limit: int) -> bytes:
    if entry.flag_bits & 1 or entry.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
        raise UnreadableArchive(f"{entry.filename} is encrypted or has an unsupported compression. Use zip.")
    with archive.open(entry) as file:
        content = file.read(limit + 1)  # the stated size may be wrong
    if len(content) > limit:
        raise UnreadableArchive(f"The archive has more than {MAX_BYTES // 1024} KiB. Remove files that aren't needed.")
    return content


def _remove_root(files: dict[str, bytes]) -> dict[str, bytes]:
    roots = {name.partition("/")[0] for name in files if "/" in name}
    if len(roots) != 1 or any("/" not in name for name in files):
        return files
    root = f"{roots.pop()}/"
    # An archive without a root folder can also consist of folders only.
    return files if root.startswith(("Meta-", "Definitions/")) else {n.removeprefix(root): c for n, c in files.items()}
