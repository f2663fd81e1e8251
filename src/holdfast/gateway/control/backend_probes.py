"""
Backends as they are seen from the agent's machine: the addresses of names, and what backends present.
"""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from ipaddress import ip_address

from holdfast.gateway.control.answers import FailedHandshakeResult, HandshakeResult, ResolveResult
from holdfast.gateway.control.requests import ProbeBackend, Resolve
from holdfast.network.addresses import EVERYWHERE, AddressRefused, NoAddress, may_be_reached, resolve
from holdfast.network.presentation import FailedHandshake, Handshake, Obstacle

RESOLVED_WITHIN = 2.5  # seconds
_THREADS = 8


class BackendProbes:
    """Resolves names and makes handshakes. The control plane decides which addresses are allowed, except for some."""

    def __init__(self) -> None:
        # A separate pool: slow backends must not block other work of the agent.
        self._threads = ThreadPoolExecutor(_THREADS, "backend-probes")

    async def resolve(self, request: Resolve) -> ResolveResult:
        """Resolve a name. Link-local and metadata addresses of this machine are left out."""
        try:
            work = partial(resolve, request.host, EVERYWHERE, RESOLVED_WITHIN)
            addresses = await asyncio.get_running_loop().run_in_executor(self._threads, work)
        except NoAddress as error:
            return ResolveResult(request.id, (), str(error))
        except AddressRefused:
            return ResolveResult(request.id, (), "No gateway may connect to its addresses.")
        return ResolveResult(request.id, tuple(addresses))

    async def probe(self, request: ProbeBackend) -> HandshakeResult | FailedHandshakeResult:
        """Make a handshake, without verifying the backend and without sending a request."""
        outcome = await asyncio.get_running_loop().run_in_executor(self._threads, partial(_probe, request))
        return (
            HandshakeResult(request.id, outcome)
            if isinstance(outcome, Handshake)
            else FailedHandshakeResult(request.id, outcome)
        )


def _probe(request: ProbeBackend) -> Handshake | FailedHandshake:
    from holdfast.network.backend import shake_hands  # OpenSSL loads slowly, and most agents never do this

    addresses = [address for address in request.addresses if may_be_reached(ip_address(address), EVERYWHERE)]
    if not addresses:
        return FailedHandshake(Obstacle.REFUSED, "No gateway may connect to its addresses.")
    return shake_hands(addresses, request.port, request.server_name, request.seconds)
