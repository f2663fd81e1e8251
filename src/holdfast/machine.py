"""
What Holdfast takes of the machine: ports.
"""

import asyncio
import os
import socket
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from pathlib import Path

from holdfast.settings import Address

READY_WITHIN = 30.0  # seconds


class CannotStart(RuntimeError):
    """Something outside is not as it must be; the text says what and what to do."""


@contextmanager
def listening(address: Address, name: str) -> Iterator[socket.socket]:
    """Listen on *address*, which `--name` set; raise CannotStart."""
    try:
        made = socket.create_server(address, family=_family(address), backlog=512)
    except OSError as error:
        raise _refused(address, name, error) from error
    with made:
        # asyncio does this only for sockets that it makes itself; without it, an answer can wait 40 ms for an ACK.
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        yield made


def check_free(address: Address, name: str) -> None:
    """Envoy would only write a busy port to its log; so look before it starts."""
    with listening(address, name):
        pass


def _family(address: Address) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address[0] else socket.AF_INET


def _refused(address: Address, name: str, error: OSError) -> CannotStart:
    where = url_of(address).removeprefix("http://")
    return CannotStart(
        f"{where} cannot be listened on ({os.strerror(error.errno or 0)}). Choose another with --{name} HOST:PORT."
    )


def url_of(address: Address, scheme: str = "http") -> str:
    """Write an address as a URL."""
    host, port = address
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


def refuse_open_http(publisher: Address, *, allowed: bool) -> None:
    """Raise CannotStart where passwords would travel in the clear: http beyond this machine, if not *allowed*."""
    if not allowed and not ip_address(publisher[0]).is_loopback:
        raise CannotStart(
            f"{url_of(publisher)} can be reached from elsewhere, and passwords would travel in the clear: "
            "give --tls-cert and --tls-key, or --insecure-http if a TLS proxy stands before it."
        )


async def wait_until_answering(addresses: Iterable[Address], log: Path) -> None:
    """Wait until something answers on all *addresses*; raise CannotStart and name *log* when it takes too long."""
    try:
        async with asyncio.timeout(READY_WITHIN):
            for address in addresses:
                while not await _answers(address):  # noqa: ASYNC110 - another process has no event for us
                    await asyncio.sleep(0.01)
    except TimeoutError as error:
        raise CannotStart(f"The gateway did not start within {READY_WITHIN:.0f} seconds. {log} says why.") from error


async def _answers(address: Address) -> bool:
    try:
        _, writer = await asyncio.open_connection(*address)
    except OSError:
        return False
    writer.close()
    return True
