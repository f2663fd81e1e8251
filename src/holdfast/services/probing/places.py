"""
Where backends are seen from: the publisher's machine for the local gateway, and their own machine for others.
"""

import asyncio
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from ipaddress import ip_address
from typing import Protocol, TypeVar

from holdfast.apis.errors import InvalidField
from holdfast.gateway.control.service import Control
from holdfast.gateway.probing.connection import NoAnswer
from holdfast.network.addresses import AddressRefused, Network, NoAddress, Resolver, may_be_reached, resolve
from holdfast.network.backend import probe_backend
from holdfast.network.presentation import FailedHandshake, Handshake, Obstacle, Presentation
from holdfast.services.probing.terms import Terms

T = TypeVar("T")
Serves = Callable[[str, Collection[str]], bool]
RESOLVED_WITHIN = 2.5  # seconds
_ON_THE_WAY = 2.0  # seconds for messages to a gateway and back


class Place(Protocol):
    """Where a backend is seen from: the machine of *gateway*."""

    gateway: str

    async def resolve(self, host: str) -> list[str]:
        """Return the addresses of *host* that tests may connect to. Raises NoAddress, AddressRefused, NoAnswer."""

    async def probe_backend(
        self, addresses: Sequence[str], port: int, server_name: str
    ) -> Presentation | FailedHandshake:
        """Return what the backend at one of *addresses* presents, as `probe_backend` does."""


class PublisherPlace:
    """The publisher's machine, which is that of the local *gateway*."""

    def __init__(
        self,
        gateway: str,
        networks: Sequence[Network],
        resolver: Resolver | None,
        seconds: float,
        threads: ThreadPoolExecutor,
    ) -> None:
        self.gateway = gateway
        self._networks = networks
        self._resolver = resolver
        self._seconds = seconds
        self._threads = threads

    async def resolve(self, host: str) -> list[str]:
        """Return the addresses of *host* that tests may connect to. Raises NoAddress, AddressRefused."""
        return await self._run(partial(resolve, host, self._networks, RESOLVED_WITHIN, self._resolver))

    async def probe_backend(
        self, addresses: Sequence[str], port: int, server_name: str
    ) -> Presentation | FailedHandshake:
        """Return what the backend at one of *addresses* presents."""
        return await self._run(partial(probe_backend, addresses, port, server_name, self._seconds))

    async def _run(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)


class GatewayPlace:
    """The machine of *gateway*. Which addresses are allowed is the publisher's decision, for all gateways."""

    def __init__(
        self,
        control: Control,
        gateway: str,
        networks: Sequence[Network],
        seconds: float,
        threads: ThreadPoolExecutor,
    ) -> None:
        self.gateway = gateway
        self._control = control
        self._networks = networks
        self._seconds = seconds
        self._threads = threads

    async def resolve(self, host: str) -> list[str]:
        """Return the addresses of *host* that tests may connect to. Raises NoAddress, AddressRefused, NoAnswer."""
        try:
            async with asyncio.timeout(RESOLVED_WITHIN + _ON_THE_WAY):
                answer = await self._control.resolve(self.gateway, host)
        except TimeoutError as error:
            raise NoAnswer(f"The gateway {self.gateway} didn't answer in time.") from error
        if not answer.addresses:
            raise NoAddress(answer.reason)
        addresses = [address for address in answer.addresses if may_be_reached(ip_address(address), self._networks)]
        if not addresses:
            raise AddressRefused(host)
        return addresses

    async def probe_backend(
        self, addresses: Sequence[str], port: int, server_name: str
    ) -> Presentation | FailedHandshake:
        """Return what the backend at one of *addresses* presents."""
        try:
            async with asyncio.timeout(self._seconds + _ON_THE_WAY):
                answer = await self._control.probe_backend(self.gateway, addresses, port, server_name, self._seconds)
        except (NoAnswer, TimeoutError) as error:
            return FailedHandshake(Obstacle.TIMEOUT, str(error) or f"The gateway {self.gateway} didn't answer in time.")
        if isinstance(answer, Handshake):
            return await asyncio.get_running_loop().run_in_executor(self._threads, answer.read)
        return answer


class Places:
    """The places that tests can choose. Lives on one event loop."""

    def __init__(
        self,
        control: Control,
        local: str,
        networks: Sequence[Network],
        serves: Serves,
        resolver: Resolver | None,
        seconds: float,
        threads: ThreadPoolExecutor,
    ) -> None:
        """The parameters are those of `Probes`."""
        self._control = control
        self._serves = serves
        self._here = PublisherPlace(local, networks, resolver, seconds, threads)
        self._there = partial(GatewayPlace, control, networks=networks, seconds=seconds, threads=threads)

    @property
    def gateways(self) -> list[str]:
        """The names of the connected gateways, in order."""
        return sorted(self._control.all_gateways)

    def choose(self, gateway: str, terms: Terms | None) -> Place:
        """
        Return the place of *gateway*, or, if that is empty, of one that is connected and serves the endpoint.

        Gateways that follow this control plane come first, those of other control planes last.

        The local gateway may test everything, because this machine has the database. Another gateway, which may have
        been stolen, learns about endpoints that it doesn't serve only if a user names it, and never gets their keys.

        Raises:
            InvalidField: It isn't connected, or it must not get the key of the gateway identity.
        """
        local, gateways = self._here.gateway, self._control.all_gateways
        clusters = terms.clusters if terms else ()
        serving = [name for name in gateways if name == local or self._serves(name, clusters)]
        if not gateway:
            gateway = local if local in gateways else next(iter(serving), local)
        elif gateway not in gateways:
            message = f"The gateway {gateway[:80]} isn't connected. Leave the name out to use any gateway."
            raise InvalidField("gateway", message)
        elif gateway not in serving and terms and terms.identity:
            message = "This gateway doesn't serve the endpoint, so it isn't sent the key of the gateway identity."
            raise InvalidField("gateway", message)
        return self._here if gateway == local else self._there(gateway)


async def resolve_at(place: Place, host: str) -> list[str] | FailedHandshake:
    """Return the addresses of *host* at *place*. Raises InvalidField if tests aren't allowed to connect to them."""
    try:
        return await place.resolve(host)
    except NoAddress as error:
        return FailedHandshake(Obstacle.DNS, str(error))
    except NoAnswer as error:
        return FailedHandshake(Obstacle.TIMEOUT, str(error))
    except AddressRefused as error:
        message = f"Tests aren't allowed to connect to {host}. HOLDFAST_PROBE_NETWORKS sets the allowed networks."
        raise InvalidField("endpoint", message) from error
