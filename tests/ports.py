"""
Ports for servers that tests start: free, and no other test process on this machine gets the same.
"""

import socket
from collections.abc import Iterator
from functools import cache
from itertools import cycle

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
    """
    Take a block of ports that no other process has, until this process ends.

    The lock is an abstract socket, because these belong to the network that the ports belong to, whatever directory a
    process uses for temporary files.
    """
    for first in range(LAST - BLOCK, FIRST, -BLOCK):
        lock = socket.socket(socket.AF_UNIX)
        try:
            lock.bind(f"\0holdfast-test-ports-{first}")
        except OSError:
            lock.close()
            continue
        lock.detach()  # it stays open
        return range(first, first + BLOCK)
    raise RuntimeError("every block of ports is in use")


def _is_free(port: int) -> bool:
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True
