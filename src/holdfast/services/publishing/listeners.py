"""
Whether gateways listen on their addresses, as they report: an ACK means that connections succeed.
"""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import structlog

from holdfast.apis.catalog.endpoint import Environment
from holdfast.gateway.discovery.bind_failure import read_bind_failures
from holdfast.gateway.discovery.cache import Cache, Gateway
from holdfast.gateway.resources.constants import GATEWAY_SECRET
from holdfast.gateway.resources.listeners import name_listener
from holdfast.gateway.resources.resource import LISTENER, SECRET
from holdfast.network.addresses import Addresses
from holdfast.network.sockets import CannotStart, explain_failed_listen

log = structlog.get_logger()
READY_WITHIN = 30.0  # seconds, unless an address is in use, which can last


@dataclass(frozen=True, slots=True)
class GatewayListener:
    """Where a gateway serves an environment: the *option* that sets the addresses, and the *url* for callers."""

    option: str
    environment: Environment
    tls: bool
    addresses: Addresses
    url: str


@dataclass(frozen=True, slots=True)
class ListenerState:
    """
    A listener, by the *option* that sets its addresses, and why a gateway doesn't listen there; empty: all do.

    *is_refused*: a gateway tried and failed; *is_retried*: an address is in use, and the gateway keeps trying. With
    neither, it may only need a moment.
    """

    option: str
    problem: str = ""
    is_refused: bool = False
    is_retried: bool = False


class Listeners:
    """
    Follows the state of each listener at the gateway on this machine. Lives on one event loop.

    Gateways on other machines report theirs themselves.
    """

    def __init__(self, cache: Cache, gateway: str, listeners: Iterable[GatewayListener]) -> None:
        """*cache* is that of the group of the gateway with the id *gateway*, which is on this machine."""
        self._cache = cache
        self._gateway = gateway
        self._listeners = {name_listener(listener.environment, tls=listener.tls): listener for listener in listeners}
        self._problems: dict[str, str] = {}

    def list_states(self) -> list[ListenerState]:
        """
        Return for each listener whether the gateway listens there.

        Listeners that it can't open are left out: those with TLS, while there is no usable certificate.
        """
        resources, secret = self._cache.get_resources(LISTENER), self._cache.get(SECRET, GATEWAY_SECRET)
        return [
            self._find_state(name, listener.option)
            for name, listener in self._listeners.items()
            if name in resources and (secret or not listener.tls)
        ]

    def is_listening(self, option: str) -> bool:
        """Return whether the gateway listens on the addresses of *option*, or isn't connected."""
        return not self._gateways or not any(state.problem for state in self.list_states() if state.option == option)

    async def follow(self) -> None:
        """Log where a gateway can't listen, until cancelled."""
        observer = self._cache.observe()
        try:
            while True:
                observer.clear()
                self._log_changes()
                await observer.wait()
        finally:
            self._cache.stop_observing(observer)

    async def wait(self, envoy_log: Path) -> None:
        """
        Wait until gateways listen on all addresses, for as long as one is in use. Needs `follow` to run.

        Raises:
            CannotStart: The gateway didn't start within 30 seconds; *envoy_log* has the reason.
        """
        observer = self._cache.observe()
        try:
            while any(state.problem for state in self.list_states()):
                observer.clear()
                try:
                    async with asyncio.timeout(READY_WITHIN):
                        await observer.wait()
                except TimeoutError:
                    if not any(state.is_retried for state in self.list_states()):
                        text = f"The gateway didn't start within {READY_WITHIN:.0f} seconds. See {envoy_log}."
                        raise CannotStart(text) from None
        finally:
            self._cache.stop_observing(observer)

    def _find_state(self, name: str, option: str) -> ListenerState:
        resource = self._cache.get(LISTENER, name)
        if not self._gateways or resource is None:
            return ListenerState(option, "No gateway is connected.")
        for gateway in self._gateways:
            if rejection := gateway.rejected.get((LISTENER, name)):
                failure = read_bind_failures(rejection.message).get(name)
                problem = explain_failed_listen(failure.address, failure.reason) if failure else rejection.message
                return ListenerState(option, problem, is_refused=True, is_retried=failure is not None)
            if not gateway.has((LISTENER, name), resource.version):
                return ListenerState(option, "The gateway isn't listening yet.")
        return ListenerState(option)

    @property
    def _gateways(self) -> list[Gateway]:
        return [gateway for gateway in self._cache.gateways if gateway.id == self._gateway]

    def _log_changes(self) -> None:
        problems = {state.option: state.problem for state in self.list_states() if state.is_refused}
        for option, problem in problems.items():
            if self._problems.get(option) != problem:
                log.error("gateway can't listen", listener=option, why=problem)
        for option in self._problems.keys() & {state.option for state in self.list_states() if not state.problem}:
            log.warning("gateway listens again", listener=option)
            del self._problems[option]
        self._problems |= problems
