"""
Probes of backends from the machines of gateways, apart from the tests that users make, which never wait for it.
"""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import structlog

from holdfast.apis.catalog.endpoint import Endpoint
from holdfast.apis.errors import InvalidField
from holdfast.gateway.control.service import Control
from holdfast.gateway.probing.connection import NoAnswer, ProbeRejected
from holdfast.gateway.probing.resources import build_probe, make_name
from holdfast.gateway.resources.backend_limits import DEFAULT_LIMITS, BackendLimits
from holdfast.network.addresses import EVERYWHERE, Network, Resolver
from holdfast.network.backend import SECONDS
from holdfast.network.presentation import FailedHandshake, Presentation
from holdfast.services.probing.places import Place, Places, Serves, resolve_at
from holdfast.services.probing.terms import Terms
from holdfast.services.probing.verdicts import Verdict, judge_certificates

T = TypeVar("T")
log = structlog.get_logger()
WITHIN = 8.0  # seconds for a gateway's verdict


@dataclass(frozen=True, slots=True)
class WatchProbe:
    """The certificates that a backend presents, and how to ask the gateway that it was seen from for its verdict."""

    presentation: Presentation | FailedHandshake
    place: Place
    addresses: Sequence[str]


class WatchProbes:
    """Probes backends, at most *at_once* at a time. Lives on one event loop."""

    def __init__(
        self,
        control: Control,
        local: str,
        networks: Sequence[Network] = EVERYWHERE,
        *,
        serves: Serves = lambda *_: False,
        limits: BackendLimits = DEFAULT_LIMITS,
        resolver: Resolver | None = None,
        seconds: float = SECONDS,
        at_once: int = 2,
    ) -> None:
        """The parameters are those of `Probes`."""
        self.at_once = at_once
        self._control = control
        self._limits = limits
        # Twice as many threads, because fetches that timed out may still hold some.
        self._threads = ThreadPoolExecutor(2 * at_once, "watch")
        self._places = Places(control, local, networks, serves, resolver, seconds, self._threads)

    @property
    def can_probe(self) -> bool:
        """Whether a gateway is connected."""
        return bool(self._control.all_gateways)

    async def probe(self, target: Endpoint, terms: Terms) -> WatchProbe | None:
        """
        Return what the backend of *target* presents, seen from a connected gateway that may know of it.

        None if there is no such gateway, or connections to the host aren't allowed.
        """
        place = self._places.choose("", terms)
        if place.gateway not in self._control.all_gateways:
            return None
        try:
            addresses = await resolve_at(place, target.origin.host)
        except InvalidField as error:
            log.info("backend not watched", origin=str(target.origin), reason=str(error))
            return None
        if isinstance(addresses, FailedHandshake):
            return WatchProbe(addresses, place, ())
        presentation = await place.probe_backend(addresses, target.origin.port, terms.trust.server_name)
        return WatchProbe(presentation, place, addresses)

    async def ask(self, before: WatchProbe, target: Endpoint, terms: Terms) -> Verdict | None:
        """Return whether the gateway of *before* accepts the backend's certificates; None if it doesn't answer."""
        probe = build_probe(make_name(), target, terms.trust, before.addresses, terms.identity, self._limits)
        try:
            async with asyncio.timeout(WITHIN), self._control.connect(before.place.gateway, probe) as connection:
                return await judge_certificates(connection, presents=terms.identity is not None)
        except (ProbeRejected, NoAnswer, TimeoutError):
            return None

    async def run(self, work: Callable[[], T]) -> T:
        """Run *work* in a thread of the watch."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, partial(work))
