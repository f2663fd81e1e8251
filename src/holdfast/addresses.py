"""
Which addresses a host has, and which of them may be connected to on behalf of somebody who typed its name.
"""

import queue
import socket
import threading
from collections.abc import Callable, Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Network = IPv4Network | IPv6Network
Resolver = Callable[[str], Sequence[str]]
EVERYWHERE: tuple[Network, ...] = (ip_network("0.0.0.0/0"), ip_network("::/0"))
MAX_ADDRESSES = 8
MAX_UNANSWERED = 16  # names that the system still looks for although nobody waits any more

# This machine's own link, groups of machines, nobody, and the services from which clouds hand out credentials.
_NEVER: tuple[Network, ...] = tuple(
    ip_network(network)
    for network in (
        "0.0.0.0/8",
        "169.254.0.0/16",
        "224.0.0.0/4",
        "255.255.255.255/32",
        "100.100.100.200/32",  # Alibaba
        "168.63.129.16/32",  # Azure
        "192.0.0.192/32",  # Oracle
        "::/128",
        "fe80::/10",
        "fec0::/10",
        "ff00::/8",
        "fd00:ec2::254/128",  # AWS
        "fd20:ce::254/128",  # Google
    )
)
_TRANSLATED = ip_network("64:ff9b::/96"), ip_network("64:ff9b:1::/48")
_COMPATIBLE = ip_network("::/96")
_unanswered = threading.BoundedSemaphore(MAX_UNANSWERED)


class NoAddress(LookupError):
    """The host has no address that is known in time."""


class AddressRefused(PermissionError):
    """The host has addresses, and none of them may be connected to."""


def resolve(host: str, networks: Iterable[Network], seconds: float, resolver: Resolver | None = None) -> list[str]:
    """
    Give the addresses of *host* within *networks*, IPv6 first as gateways try them; the host may be an address itself.

    Whoever connects must connect to these, for a second look at the name could give others.

    Raises:
        NoAddress: There is none, or none was found in *seconds*.
        AddressRefused: There are some, and none may be connected to.
    """
    allowed = tuple(networks)
    found = [ip_address(text.partition("%")[0]) for text in _look_up(host, seconds, resolver or _by_system)]
    kept = [address for address in dict.fromkeys(found) if may_be_reached(address, allowed)]
    if not found:
        raise NoAddress(f"{host} has no address.")
    if not kept:
        raise AddressRefused(host)
    return [str(address) for address in sorted(kept, key=lambda address: -address.version)][:MAX_ADDRESSES]


def may_be_reached(address: IPv4Address | IPv6Address, networks: Sequence[Network]) -> bool:
    """Say whether *address*, and each IPv4 address that it leads to, is in *networks* and in none that never is."""
    meant = _meant_by(address)
    return all(is_in(each, networks) and not is_in(each, _NEVER) for each in meant)


def is_in(address: IPv4Address | IPv6Address, networks: Iterable[Network]) -> bool:
    """Say whether *address* is in one of *networks*."""
    return any(address.version == network.version and address in network for network in networks)


def _meant_by(address: IPv4Address | IPv6Address) -> list[IPv4Address | IPv6Address]:
    if isinstance(address, IPv4Address):
        return [address]
    if address.ipv4_mapped:
        return [address.ipv4_mapped]  # the machine connects to that one
    inner: list[IPv4Address | IPv6Address] = []
    if address.sixtofour:
        inner.append(address.sixtofour)
    if address.teredo:
        inner += address.teredo
    if is_in(address, _TRANSLATED):
        inner += _embedded(address)
    if is_in(address, [_COMPATIBLE]) and int(address) > 1:  # 0 and 1 are :: and ::1
        inner.append(IPv4Address(int(address) & 0xFFFFFFFF))
    return [address, *inner]


def _embedded(address: IPv6Address) -> list[IPv4Address]:
    """Find the IPv4 address at each place where a translator may have it (RFC 6052, section 2.2)."""
    packed = address.packed
    if is_in(address, _TRANSLATED[:1]):
        return [IPv4Address(packed[12:])]
    places = ((6, 7, 9, 10), (7, 9, 10, 11), (9, 10, 11, 12), (12, 13, 14, 15))
    return [IPv4Address(bytes(packed[place] for place in each)) for each in places]


def _look_up(host: str, seconds: float, resolver: Resolver) -> Sequence[str]:
    # The system's resolver cannot be told to stop, so it is left behind when it takes too long, but not too often.
    if not _unanswered.acquire(blocking=False):
        raise NoAddress("Too many names are being looked for. Try again in a minute.")
    answer: queue.SimpleQueue[Sequence[str]] = queue.SimpleQueue()

    def ask() -> None:
        try:
            answer.put(resolver(host))
        except (OSError, UnicodeError):
            answer.put(())
        finally:
            _unanswered.release()

    threading.Thread(target=ask, name="resolver", daemon=True).start()
    try:
        return answer.get(timeout=max(seconds, 0.0))
    except queue.Empty as error:
        raise NoAddress(f"No address of {host} was found in time.") from error


def _by_system(host: str) -> list[str]:
    return [str(found[4][0]) for found in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)]
