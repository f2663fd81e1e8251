"""
Addresses to listen on, as people write them: HOST:PORT, where a name stands for all its addresses.
"""

import socket
from collections.abc import Iterable

from holdfast.apis.url import parse_host
from holdfast.network.addresses import Address, Addresses, read_ip
from holdfast.network.sockets import CannotStart, format_address


def parse_addresses(texts: Iterable[str]) -> Addresses:
    """
    Parse one or more HOST:PORT, each text with several separated by commas. Raises ValueError.

    The host is a name or an IP address, IPv6 in brackets; an IPv4-mapped one becomes the IPv4 address.
    """
    address_texts = [part.strip() for text in texts for part in text.split(",") if part.strip()]
    if not address_texts:
        raise ValueError("It is empty. Use HOST:PORT, such as 127.0.0.1:9080, or leave it out")
    return tuple(dict.fromkeys(_read_address(part) for part in address_texts))


def resolve_addresses(option: str, addresses: Addresses) -> Addresses:
    """Return the IP addresses and ports of *addresses*, which `--option` sets. Raises CannotStart."""
    resolved_addresses: dict[Address, None] = {}
    for host, port in addresses:
        try:
            answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except OSError as error:
            raise CannotStart(
                f"--{option} {format_address((host, port))}: {host} has no address ({error.strerror}). "
                "Correct the name, or use an IP address."
            ) from error
        resolved_addresses |= dict.fromkeys((_normalize(str(answer[4][0])), port) for answer in answers)
    return tuple(resolved_addresses)


def _read_address(address_texts: str) -> Address:
    host, _, port = address_texts.rpartition(":")
    bare = host.removeprefix("[").removesuffix("]")
    try:
        if not 0 < int(port[:6]) < 65536 or not port.isdecimal() or (host != bare) != (":" in bare):
            raise ValueError
        return _read_host(bare), int(port)
    except ValueError:
        text = f"{address_texts!r} is not HOST:PORT, such as 127.0.0.1:9080, [::1]:9080 or gateway.example:8280"
        raise ValueError(text) from None


def _read_host(bare: str) -> str:
    try:
        return str(read_ip(bare))
    except ValueError:
        return parse_host(bare)


def _normalize(host: str) -> str:
    """Return an address in its canonical form; an address with a zone is left unchanged."""
    return host if "%" in host else str(read_ip(host))
