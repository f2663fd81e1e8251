"""
A check that the write-ahead log next to a database belongs to it.

If another file, such as a backup, is copied over a database while the log of a killed process is still there, SQLite
doesn't detect it: it applies the log to the wrong file, and mixes two states. Holdfast therefore counts its
transactions in the database's header (`PRAGMA user_version`, in page 1), so each log contains the number that it starts
with. SQLite starts a new log only after the whole previous one is in the database, so the number in a database is never
lower than the one before the first in its log.

Format: https://www.sqlite.org/fileformat2.html#walformat
"""

import struct
from collections.abc import Iterable
from pathlib import Path

from holdfast.store.errors import StoreMixed, StoreUnreadable
from holdfast.store.sqlite.files import name_log, open_to_read
from holdfast.store.sqlite.transaction_count import MOST

_HALF = 0x40000000  # a number is older than another if it is at most this many steps before it
_AT = 60  # offset of the number in page 1
_HEADER, _FRAME_HEADER = struct.Struct(">8I"), struct.Struct(">6I")
_MAGIC = {0x377F0682: "<", 0x377F0683: ">"}  # byte order of checksums
_MOST_FRAMES = 1_000  # to search for page 1, which comes first in all but huge transactions


def check_log(path: Path) -> None:
    """
    Check that the write-ahead log next to the database at *path* belongs to it.

    Raises:
        StoreFailure: StoreMixed, or StoreUnreadable if *path* can't be a database.
    """
    if path.exists() and not path.is_file():
        raise StoreUnreadable(path, "it isn't a file")  # opening a named pipe would block
    # In this order, because a Holdfast may be writing: both the number in the file and the latest number only increase.
    first = _read_first_number(name_log(path))
    own = _read_own_number(path)
    if first is None or own is None:
        return
    if _is_older(own, (first - 1) & MOST):
        raise StoreMixed(path)
    with open_to_read(path) as connection:
        latest = connection.execute("PRAGMA user_version").fetchone()[0]
    if _is_older(latest, own):
        raise StoreMixed(path)


def _is_older(number: int, other_number: int) -> bool:
    return 0 < ((other_number - number) & MOST) < _HALF


def _read_own_number(path: Path) -> int | None:
    """Return the number in the file itself, without its log; 0 if it is missing or empty."""
    try:
        with path.open("rb") as file:
            return int.from_bytes(file.read(_AT + 4)[_AT:]) & MOST
    except FileNotFoundError:
        return 0
    except OSError:  # SQLite reports it better
        return None


def _read_first_number(log: Path) -> int | None:
    """Return the first number in a write-ahead log; None if it has no valid transaction with one."""
    try:
        file = log.open("rb")
    except OSError:
        return None
    with file:
        head = file.read(_HEADER.size)
        if len(head) < _HEADER.size:
            return None
        magic, _, page_size, _, salt_1, salt_2, *stored_sums = _HEADER.unpack(head)
        order = _MAGIC.get(magic)
        if order is None or page_size < 512 or page_size > 65536 or page_size % 8:
            return None
        sums = _compute_checksum(head[:24], order, (0, 0))
        if list(sums) != stored_sums:
            return None
        for _ in range(_MOST_FRAMES):
            frame = file.read(_FRAME_HEADER.size + page_size)
            if len(frame) < _FRAME_HEADER.size + page_size:
                return None
            number, _, *salts, sum_1, sum_2 = _FRAME_HEADER.unpack_from(frame)
            page = frame[_FRAME_HEADER.size :]
            sums = _compute_checksum(page, order, _compute_checksum(frame[:8], order, sums))
            if salts != [salt_1, salt_2] or sums != (sum_1, sum_2):
                return None
            if number == 1:
                return int.from_bytes(page[_AT : _AT + 4]) & MOST
    return None


def _compute_checksum(content: bytes, order: str, before: tuple[int, int]) -> tuple[int, int]:
    one, two = before
    pairs: Iterable[tuple[int, int]] = struct.iter_unpack(f"{order}2I", content)
    for left, right in pairs:
        one = (one + left + two) & 0xFFFFFFFF
        two = (two + right + one) & 0xFFFFFFFF
    return one, two
