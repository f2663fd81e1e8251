"""
Listening sockets, and whether there is a terminal.
"""

import asyncio
import errno
import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from holdfast.network.addresses import Address, Addresses, is_loopback

_FIRST_ADVICE = {
    errno.EADDRINUSE: "Stop the program that uses it",
    errno.EADDRNOTAVAIL: "Assign the address to this machine",
    errno.EACCES: "Allow Holdfast's user to use ports below 1024",
}


def has_terminal() -> bool:
    """Return whether this process has a controlling terminal that still exists."""
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return False
    return True


class CannotStart(RuntimeError):
    """The environment prevents Holdfast from starting; the text says why and what to do."""


@contextmanager
def listen(addresses: Addresses, option: str) -> Iterator[list[socket.socket]]:
    """Listen on all *addresses*, which were set by `--option`. Raises CannotStart."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(_listen(address, option)) for address in addresses]
        for listener in sockets:
            # asyncio sets this only for sockets that it creates; without it, a response can wait 40 ms for an ACK.
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        yield sockets


def check_free(address: Address, option: str) -> None:
    """Check that Envoy will be able to listen on *address*. Raises CannotStart."""
    _listen(address, option).close()


def listen_problem(address: Address, option: str) -> tuple[str, str] | None:
    """Return why listening on *address*, set by `--option`, fails, and what to do; None if it succeeds."""
    try:
        _open(address).close()
    except OSError as error:
        return _explain(address, error), _write_advice(option, error)
    return None


def _listen(address: Address, option: str) -> socket.socket:
    try:
        return _open(address)
    except OSError as error:
        raise CannotStart(f"{_explain(address, error)} {_write_advice(option, error)}") from error


def _open(address: Address) -> socket.socket:
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    return socket.create_server(address, family=family, backlog=512)  # `::` listens on IPv6 only, as in Envoy


def _write_advice(option: str, error: OSError) -> str:
    first = _FIRST_ADVICE.get(error.errno or 0, "Correct the address")
    return f"{first}, or choose another with --{option} HOST:PORT."


def _explain(address: Address, error: OSError) -> str:
    return explain_failed_listen(format_address(address), os.strerror(error.errno or 0))


def explain_failed_listen(where: str, why: str) -> str:
    """Return a sentence that says why Holdfast can't listen on HOST:PORT; *why* is the system's error text."""
    return f"Can't listen on {where}: {why[:1].lower()}{why[1:]}."


def format_address(address: Address) -> str:
    """Return an address as HOST:PORT."""
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def make_url(address: Address, scheme: str = "http") -> str:
    """Return an address as a URL."""
    return f"{scheme}://{format_address(address)}"


def refuse_open_http(publisher: Addresses, *, allowed: bool) -> None:
    """Raise CannotStart if http is reachable from other machines and not *allowed*, as it would expose passwords."""
    exposed = [address for address in publisher if not is_loopback(address[0])]
    if exposed and not allowed:
        raise CannotStart(
            f"{make_url(exposed[0])} is reachable from other machines, and passwords would be sent unencrypted. "
            "Use --tls-cert and --tls-key, or --insecure-http if there is a TLS proxy in front of it."
        )


async def does_answer(address: Address) -> bool:
    """Return whether something accepts connections on *address*."""
    try:
        _, writer = await asyncio.open_connection(*address)
    except OSError:
        return False
    writer.close()
    return True
