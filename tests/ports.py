"""
Ports for servers that tests start: free, and no other test process on this machine gets the same.
"""

import fcntl
import os
import socket
import tempfile
from collections.abc import Iterator
from functools import cache
from itertools import cycle
from pathlib import Path

FIRST, LAST = 10_000, 32_000  # outgoing connections use higher ones
BLOCK = 200  # ports for one process


def free_addresses(count: int) -> list[str]:
    """Return *count* addresses on 127.0.0.1 where nothing listens, different ones each time."""
    return [f"127.0.0.1:{next(_free_ports())}" for _ in range(count)]


def free_port() -> int:
    """Return the port of a free address, for a server that listens there again after it was stopped."""
    return next(_free_ports())


@cache
def _free_ports() -> Iterator[int]:
    return filter(_is_free, cycle(_claim_block()))


def _claim_block() -> range:
    """Take a block of ports that no other process has; the lock on its file ends with this process."""
    directory = Path(tempfile.gettempdir()) / f"holdfast-test-ports-{os.getuid()}"
    directory.mkdir(exist_ok=True)
    for first in range(FIRST, LAST, BLOCK):
        descriptor = os.open(directory / str(first), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            continue
        return range(first, first + BLOCK)
    raise RuntimeError(f"every block of ports in {directory} is in use")


def _is_free(port: int) -> bool:
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True
