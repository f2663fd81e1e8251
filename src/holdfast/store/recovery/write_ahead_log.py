"""
Whether the write-ahead log next to a database belongs to it.

SQLite doesn't notice when another file, such as a backup, is copied over a database while the log of a killed process
stays: it applies the log to it, and mixes two states. Holdfast therefore counts its transactions in the header of the
database (`PRAGMA user_version`, in page 1), so each log shows at which number it begins. SQLite begins a new log only
after all of the last one is in the database, so a database is never older than the number before the first in its log.

The format: https://www.sqlite.org/fileformat2.html#walformat
"""

import struct
from collections.abc import Iterable
from pathlib import Path

from sqlalchemy import Connection

from holdfast.store.errors import StoreMixed, StoreUnreadable
from holdfast.store.sqlite import log_of, open_to_read

MOST = 0x7FFFFFFF  # the largest number; the next one is 0
_HALF = 0x40000000  # of two numbers, the one within so many steps before the other is the older one
_AT = 60  # where the number is in page 1
_HEADER, _FRAME_HEADER = struct.Struct(">8I"), struct.Struct(">6I")
_MAGIC = {0x377F0682: "<", 0x377F0683: ">"}  # byte order of checksums
_MOST_FRAMES = 1_000  # that are read to find page 1, which is the first of a transaction unless that is very large


def count_transaction(connection: Connection) -> None:
    """Count a transaction of Holdfast, within it."""
    number = connection.exec_driver_sql("PRAGMA user_version").scalar_one()
    connection.exec_driver_sql(f"PRAGMA user_version = {(number + 1) & MOST}")


def check_log(path: Path) -> None:
    """
    See that the write-ahead log next to the database at *path* belongs to it.

    Raises:
        StoreFailure: StoreMixed, or StoreUnreadable if *path* can't be a database.
    """
    if path.exists() and not path.is_file():
        raise StoreUnreadable(path, "it isn't a file")  # a named pipe would hold up whoever opens it
    # In this order, because a Holdfast may be writing: the number in the file and the latest only increase.
    first = _first_number(log_of(path))
    own = _own_number(path)
    if first is None or own is None:
        return
    if _is_older(own, (first - 1) & MOST):
        raise StoreMixed(path)
    with open_to_read(path) as connection:
        latest = connection.execute("PRAGMA user_version").fetchone()[0]
    if _is_older(latest, own):
        raise StoreMixed(path)


def _is_older(one: int, other: int) -> bool:
    return 0 < ((other - one) & MOST) < _HALF


def _own_number(path: Path) -> int | None:
    """Read the number in the file itself, without its log; 0 if it is missing or empty."""
    try:
        with path.open("rb") as file:
            return int.from_bytes(file.read(_AT + 4)[_AT:]) & MOST
    except FileNotFoundError:
        return 0
    except OSError:  # SQLite says it better
        return None


def _first_number(log: Path) -> int | None:
    """Read the first number in a write-ahead log; None if no transaction of it can be applied or has one."""
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
        sums = _checksum(head[:24], order, (0, 0))
        if list(sums) != stored_sums:
            return None
        for _ in range(_MOST_FRAMES):
            frame = file.read(_FRAME_HEADER.size + page_size)
            if len(frame) < _FRAME_HEADER.size + page_size:
                return None
            number, _, *salts, sum_1, sum_2 = _FRAME_HEADER.unpack_from(frame)
            page = frame[_FRAME_HEADER.size :]
            sums = _checksum(page, order, _checksum(frame[:8], order, sums))
            if salts != [salt_1, salt_2] or sums != (sum_1, sum_2):
                return None
            if number == 1:
                return int.from_bytes(page[_AT : _AT + 4]) & MOST
    return None


def _checksum(content: bytes, order: str, before: tuple[int, int]) -> tuple[int, int]:
    one, two = before
    pairs: Iterable[tuple[int, int]] = struct.iter_unpack(f"{order}2I", content)
    for left, right in pairs:
        one = (one + left + two) & 0xFFFFFFFF
        two = (two + right + one) & 0xFFFFFFFF
    return one, two
