"""
The addresses that Holdfast listens on: names resolved, without overlaps.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

from holdfast.apis.catalog.endpoint import Environment
from holdfast.network.addresses import Address, Addresses, read_ip
from holdfast.network.listen_addresses import resolve_addresses
from holdfast.network.sockets import CannotStart, check_free, format_address, make_url
from holdfast.server.settings import Settings
from holdfast.services.publishing.listeners import GatewayListener

PUBLISHER, DISCOVERY = "publisher", "discovery"


@dataclass(frozen=True, slots=True)
class ListenAddresses:
    """IP addresses and ports: `::` is every IPv6 address but not IPv4, `0.0.0.0` every IPv4 address."""

    publisher: Addresses
    gateway: tuple[GatewayListener, ...]
    discovery: Addresses = ()

    def check_free(self) -> None:
        """Check that the addresses of gateway and discovery are free. Raises CannotStart."""
        for address in self.discovery:
            check_free(address, DISCOVERY)
        for listener in self.gateway:
            for address in listener.addresses:
                check_free(address, listener.option)

    def list_by_environment(self, *, tls: bool) -> dict[Environment, Addresses]:
        """Return the gateway's addresses, with or without TLS."""
        return {listener.environment: listener.addresses for listener in self.gateway if listener.tls is tls}

    def list_urls(self, *, tls: bool) -> dict[Environment, str]:
        """Return the URLs for callers, with or without TLS."""
        return {listener.environment: listener.url for listener in self.gateway if listener.tls is tls}


def find_listen_addresses(settings: Settings) -> ListenAddresses:
    """
    Resolve the addresses of publisher, gateway and discovery in *settings*; a name stands for all its addresses.

    Raises:
        CannotStart: A name has no address, or two addresses are equal or overlap.
    """
    addresses = ListenAddresses(
        resolve_addresses(PUBLISHER, settings.publisher),
        tuple(_find_gateway_listeners(settings)),
        resolve_addresses(DISCOVERY, settings.discovery),
    )
    bindings = [(PUBLISHER, address) for address in addresses.publisher]
    bindings += [(DISCOVERY, address) for address in addresses.discovery]
    bindings += [(listener.option, address) for listener in addresses.gateway for address in listener.addresses]
    for one, other in combinations(bindings, 2):
        _refuse_overlap(one, other)
    return addresses


def _find_gateway_listeners(settings: Settings) -> Iterator[GatewayListener]:
    rows: tuple[tuple[str, Environment, bool, Addresses], ...] = (
        ("gateway", "production", False, settings.gateway),
        ("sandbox", "sandbox", False, settings.sandbox),
        ("gateway-tls", "production", True, settings.gateway_tls),
        ("sandbox-tls", "sandbox", True, settings.sandbox_tls),
    )
    for option, environment, tls, addresses in rows:
        if addresses:
            url = make_url(addresses[0], "https" if tls else "http")
            yield GatewayListener(option, environment, tls, resolve_addresses(option, addresses), url)


def _refuse_overlap(one: tuple[str, Address], other: tuple[str, Address]) -> None:
    (option, address), (second_option, second) = one, other
    if address == second:
        text = f"--{option} and --{second_option} both listen on {format_address(address)}."
    elif _overlap(address, second):
        text = f"--{option} {format_address(address)} and --{second_option} {format_address(second)} overlap."
    else:
        return
    raise CannotStart(f"{text} {'Remove the narrower one' if option == second_option else 'Choose another port'}.")


def _overlap(one: Address, other: Address) -> bool:
    """Return whether one of two addresses is unspecified (`::`, `0.0.0.0`) and so includes the other."""
    if one[1] != other[1]:
        return False
    first, second = (read_ip(host.partition("%")[0]) for host, _ in (one, other))
    return first.version == second.version and (first.is_unspecified or second.is_unspecified)
