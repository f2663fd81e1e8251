"""
What Holdfast takes of the machine: ports, and a terminal.
"""

import asyncio
import errno
import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from holdfast.network.addresses import Address, Addresses, is_loopback

_FIRST_ADVICE = {
    errno.EADDRINUSE: "End the program that uses it",
    errno.EADDRNOTAVAIL: "Give this machine the address",
    errno.EACCES: "Let the user of Holdfast use ports below 1024",
}


def has_terminal() -> bool:
    """Say whether this process belongs to a terminal that is still there."""
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return False
    return True


class CannotStart(RuntimeError):
    """Something outside is not as it must be; the text says what and what to do."""


@contextmanager
def listen(addresses: Addresses, option: str) -> Iterator[list[socket.socket]]:
    """Listen on all *addresses*, which `--option` set; raise CannotStart."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(_listen(address, option)) for address in addresses]
        for listener in sockets:
            # asyncio does this only for sockets that it makes itself; without it, an answer can wait 40 ms for an ACK.
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        yield sockets


def check_free(address: Address, option: str) -> None:
    """Look before Envoy starts whether it can listen there; raise CannotStart."""
    _listen(address, option).close()


def listen_problem(address: Address, option: str) -> tuple[str, str] | None:
    """Say why *address*, which `--option` set, can't be listened on now, and what to do; None if it can."""
    try:
        _open(address).close()
    except OSError as error:
        return _sentence(address, error), _advice(option, error)
    return None


def _listen(address: Address, option: str) -> socket.socket:
    try:
        return _open(address)
    except OSError as error:
        raise CannotStart(f"{_sentence(address, error)} {_advice(option, error)}") from error


def _open(address: Address) -> socket.socket:
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    return socket.create_server(address, family=family, backlog=512)  # on `::` for IPv6 only, as in Envoy


def _advice(option: str, error: OSError) -> str:
    first = _FIRST_ADVICE.get(error.errno or 0, "Correct it")
    return f"{first}, or choose another with --{option} HOST:PORT."


def _sentence(address: Address, error: OSError) -> str:
    return explain_failed_listen(format_address(address), os.strerror(error.errno or 0))


def explain_failed_listen(where: str, why: str) -> str:
    """Say in a sentence that HOST:PORT can't be listened on; *why* is the system's word for it."""
    return f"Can't listen on {where}: {why[:1].lower()}{why[1:]}."


def format_address(address: Address) -> str:
    """Write an address as HOST:PORT."""
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def make_url(address: Address, scheme: str = "http") -> str:
    """Write an address as a URL."""
    return f"{scheme}://{format_address(address)}"


def refuse_open_http(publisher: Addresses, *, allowed: bool) -> None:
    """Raise CannotStart where passwords would travel in the clear: http beyond this machine, if not *allowed*."""
    exposed = [address for address in publisher if not is_loopback(address[0])]
    if exposed and not allowed:
        raise CannotStart(
            f"{make_url(exposed[0])} can be reached from elsewhere, and passwords would travel in the clear: "
            "give --tls-cert and --tls-key, or --insecure-http if a TLS proxy stands before it."
        )


async def does_answer(address: Address) -> bool:
    """Say whether something accepts connections on *address*."""
    try:
        _, writer = await asyncio.open_connection(*address)
    except OSError:
        return False
    writer.close()
    return True
