"""
The running parts that REST and web handlers use.
"""

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from holdfast.apis.catalog.endpoint import Environment
from holdfast.apis.gateways.group import DEFAULT_GROUP, LISTENERS, Group
from holdfast.gateway.control.states import GatewayStates
from holdfast.gateway.discovery.groups import Groups
from holdfast.gateway.resources.resource import LISTENER
from holdfast.network.addresses import Address
from holdfast.network.server_certificates import ServerCertificates, present_nothing
from holdfast.services.access.accounts import Accounts
from holdfast.services.access.context import Context
from holdfast.services.access.principal import Principal
from holdfast.services.access.single_sign_on import SingleSignOn
from holdfast.services.background import Background
from holdfast.services.failures.failures import Failures
from holdfast.services.probing.probes import Probes
from holdfast.services.publishing.enforcement import Enforcements
from holdfast.services.publishing.listeners import Listeners, ListenerState
from holdfast.store.database import Store
from holdfast.store.request_store import RequestStore
from holdfast.store.sealing import Sealing


@dataclass(frozen=True, slots=True)
class Runtime:
    """The parts of a running Holdfast that use cases and pages need."""

    store: Store
    accounts: Accounts
    enforcements: Enforcements
    failures: Failures
    groups: Groups
    probes: Probes
    sealing: Sealing
    gateways: dict[Environment, str]  # the URL that callers use
    tls_gateways: Mapping[Environment, str]  # the URL where callers can present a certificate
    now: Callable[[], datetime]
    background: Background = field(default_factory=Background)
    single_sign_on: SingleSignOn | None = None
    listening: Listeners | None = None  # None: no gateway listens, as in tests without Envoy
    server_certificates: ServerCertificates = present_nothing
    publisher_pin: Callable[[], bytes | None] = lambda: None  # SHA-256 of its TLS key; None: http
    discovery: Address | None = None  # where remote gateways connect; None: nowhere
    gateway_states: GatewayStates = field(default_factory=GatewayStates)  # what gateways report
    live_pages: Counter[str] = field(default_factory=Counter)  # open event streams by account
    retire_after: timedelta = timedelta(days=1)  # without use, after which pages suggest retiring previous certificates

    @asynccontextmanager
    async def context(
        self,
        identify: Callable[[RequestStore], Awaitable[Principal]],
        count_as: Callable[[str], Awaitable[None]],
    ) -> AsyncIterator[Context]:
        """
        Provide the context of a request until the block ends.

        *identify* authenticates the user; *count_as* waits for a turn of their account (concurrency_limit.py). Both
        can raise.
        """
        with RequestStore(self.store) as store:
            user = await identify(store)
            store.release_if_crowded()
            await count_as(user.account)
            yield Context(store, user, self.now(), self.asks_callers)

    @property
    def asks_callers(self) -> bool:
        """Whether the gateways of a group request caller certificates, so that APIs can require them."""
        # Copies, because the event loop changes both.
        listeners = (name for cache in list(self.groups.caches.values()) for name in list(cache.resources(LISTENER)))
        return bool(self.tls_gateways) or any(name.endswith("/tls") for name in listeners)

    def urls_of(self, group: Group) -> dict[str, str]:
        """Return the URLs for callers of a group, by listener; settings have those of the default group."""
        urls: dict[str, str] = {}
        for listener in LISTENERS if group.name == DEFAULT_GROUP else ():
            of_settings = self.tls_gateways if listener.tls else self.gateways
            if url := of_settings.get(listener.environment):
                urls[listener.member] = url
        return urls | dict(group.urls)

    def gateways_of(self, group: str) -> list[str]:
        """Return the names of the connected gateways of a group."""
        cache = self.groups.caches.get(group)
        return [gateway.id for gateway in cache.gateways] if cache else []

    @property
    def listeners(self) -> list[ListenerState]:
        """The state of each listener of the gateways."""
        return self.listening.states() if self.listening else []
