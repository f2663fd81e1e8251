"""
The addresses of a host, and which of them Holdfast may connect to on behalf of users.
"""

import queue
import socket
import threading
from collections.abc import Callable, Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

IpAddress = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
Resolver = Callable[[str], Sequence[str]]
Address = tuple[str, int]  # host and port to listen on or connect to
Addresses = tuple[Address, ...]
EVERYWHERE: tuple[Network, ...] = (ip_network("0.0.0.0/0"), ip_network("::/0"))
LOOPBACK = ("::1", "127.0.0.1")
EVERY_ADDRESS = ("0.0.0.0", "::")  # noqa: S104 - compared, not listened on
MAX_ADDRESSES = 8
MAX_UNANSWERED = 16  # abandoned lookups that the system is still running

# The metadata services of clouds, which issue credentials, and the link-local network of most of them.
_METADATA: tuple[Network, ...] = tuple(
    ip_network(network)
    for network in (
        "169.254.0.0/16",
        "100.100.100.200/32",  # Alibaba
        "168.63.129.16/32",  # Azure
        "192.0.0.192/32",  # Oracle
        "fd00:ec2::/32",  # AWS
        "fd20:ce::254/128",  # Google
    )
)
# Unspecified, multicast and link-local addresses, and local NAT64 prefixes (RFC 8215), in which only the local network
# knows the position of the IPv4 address.
_NEVER = _METADATA + tuple(
    ip_network(network)
    for network in (
        "0.0.0.0/8",
        "224.0.0.0/4",
        "255.255.255.255/32",
        "::/128",
        "64:ff9b:1::/48",
        "fe80::/10",
        "fec0::/10",
        "ff00::/8",
    )
)
_MAPPED = IPv6Network("::ffff:0:0/96")
_LAST = 12
# IPv6 networks whose addresses contain an IPv4 address, and the position of its first byte.
_EMBEDDINGS: tuple[tuple[Network, int], ...] = (
    (ip_network("::/96"), _LAST),  # IPv4-compatible: RFC 4291, section 2.5.5.1
    (ip_network("::ffff:0:0:0/96"), _LAST),  # IPv4-translated: RFC 2765, section 2.1
    (ip_network("64:ff9b::/96"), _LAST),  # NAT64: RFC 6052, section 2.1
    (ip_network("2002::/16"), 2),  # 6to4: RFC 3056, section 2
    (ip_network("2001::/32"), 4),  # Teredo, the server: RFC 4380, section 4
)
_TEREDO = ip_network("2001::/32")
_ISATAP = (b"\x00\x00\x5e\xfe", b"\x02\x00\x5e\xfe")  # precedes the IPv4 address: RFC 5214, section 6.1
_open_lookups = threading.BoundedSemaphore(MAX_UNANSWERED)


class NoAddress(LookupError):
    """The host has no address, or it wasn't resolved in time."""


class AddressRefused(PermissionError):
    """The host has addresses, but Holdfast may connect to none of them."""


def resolve(host: str, networks: Iterable[Network], seconds: float, resolver: Resolver | None = None) -> list[str]:
    """
    Return the addresses of *host* (a name or an address) within *networks*, IPv6 first, in the order of gateways.

    Connect only to these addresses: resolving the name again could give others.

    Raises:
        NoAddress: There is none, or it wasn't resolved within *seconds*.
        AddressRefused: There are addresses, but none is allowed.
    """
    allowed_networks = tuple(networks)
    addresses = [ip_address(text.partition("%")[0]) for text in _look_up(host, seconds, resolver or _resolve_by_system)]
    reachable = [address for address in dict.fromkeys(addresses) if may_be_reached(address, allowed_networks)]
    if not addresses:
        raise NoAddress(f"{host} has no address.")
    if not reachable:
        raise AddressRefused(host)
    return [str(address) for address in sorted(reachable, key=lambda address: -address.version)][:MAX_ADDRESSES]


def may_be_reached(address: IpAddress, networks: Sequence[Network]) -> bool:
    """Return whether *address*, and each IPv4 address that it leads to, is in *networks* and not always refused."""
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped  # the system connects to the IPv4 address
    targets: list[IpAddress] = [address]
    if isinstance(address, IPv6Address):
        targets += _list_embedded(address)
    if not all(is_in(target, networks) and not is_in(target, _NEVER) for target in targets):
        return False
    # Other NAT64 prefixes can't be recognized; most are /96, with the IPv4 address at the end.
    return isinstance(address, IPv4Address) or not is_in(_read_at(address, _LAST), _METADATA)


def find_own_address(wildcard: str) -> str:
    """
    Return the address that this machine has for others, of the IP version of *wildcard* (`0.0.0.0` or `::`).

    It is the one of the default route, or the host name if there is none. Nothing is sent.
    """
    family, elsewhere = (socket.AF_INET6, "2001:db8::1") if ":" in wildcard else (socket.AF_INET, "192.0.2.1")
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as connection:
            connection.connect((elsewhere, 9))
            return str(connection.getsockname()[0])
    except OSError:
        return socket.gethostname()


def read_ip(text: str) -> IpAddress:
    """Parse an IP address, converting IPv4-mapped ones (`::ffff:192.0.2.1`) to IPv4. Raises ValueError."""
    address = ip_address(text)
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address


def read_network(text: str) -> Network:
    """Parse a network, converting IPv4-mapped ones to IPv4. Raises ValueError."""
    network = ip_network(text)
    if isinstance(network, IPv6Network) and network.subnet_of(_MAPPED):
        return ip_network(f"{_read_at(network.network_address, _LAST)}/{network.prefixlen - _MAPPED.prefixlen}")
    return network


def is_loopback(host: str) -> bool:
    """Return whether *host*, a name or an IP address without brackets, is always this machine."""
    try:
        return read_ip(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def is_in(address: IpAddress, networks: Iterable[Network]) -> bool:
    """Return whether *address* is in one of *networks*."""
    return any(address.version == network.version and address in network for network in networks)


def _list_embedded(address: IPv6Address) -> list[IPv4Address]:
    """Return the IPv4 addresses that *address* may lead to through a translator or a tunnel."""
    if address.is_loopback:
        return []
    addresses = [_read_at(address, first) for network, first in _EMBEDDINGS if address in network]
    if address in _TEREDO:
        addresses.append(IPv4Address(~int(_read_at(address, _LAST)) & 0xFFFFFFFF))  # the client, with inverted bits
    if address.packed[8:12] in _ISATAP:
        addresses.append(_read_at(address, _LAST))
    return addresses


def _read_at(address: IPv6Address, first: int) -> IPv4Address:
    return IPv4Address(address.packed[first : first + 4])


def _look_up(host: str, seconds: float, resolver: Resolver) -> Sequence[str]:
    # The system's resolver can't be stopped, so a limited number of slow lookups is abandoned.
    if not _open_lookups.acquire(blocking=False):
        raise NoAddress("Too many DNS lookups are pending. Try again in a minute.")
    answer: queue.SimpleQueue[Sequence[str]] = queue.SimpleQueue()

    def ask() -> None:
        try:
            answer.put(resolver(host))
        except (OSError, UnicodeError):
            answer.put(())
        finally:
            _open_lookups.release()

    threading.Thread(target=ask, name="resolver", daemon=True).start()
    try:
        return answer.get(timeout=max(seconds, 0.0))
    except queue.Empty as error:
        raise NoAddress(f"The DNS lookup of {host} timed out.") from error


def _resolve_by_system(host: str) -> Sequence[str]:
    try:
        return [str(info[4][0]) for info in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)]
    except OSError:
        # Gateways resolve these to this machine (RFC 6761, section 6.3), but the system's resolver may not.
        if host.endswith(".localhost"):
            return LOOPBACK
        raise
