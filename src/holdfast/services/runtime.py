"""
The running parts that REST and web handlers use.
"""

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from holdfast.apis.catalog.endpoint import Environment
from holdfast.apis.gateways.enrollment_key import EnrollmentKey
from holdfast.apis.gateways.group import DEFAULT_GROUP, LISTENERS, Group
from holdfast.gateway.control.states import GatewayStates
from holdfast.gateway.discovery.groups import Groups
from holdfast.gateway.resources.resource import LISTENER
from holdfast.network.addresses import Address, Addresses
from holdfast.network.server_certificates import ServerCertificates, present_nothing
from holdfast.services.access.accounts import Accounts
from holdfast.services.access.context import Context
from holdfast.services.access.principal import Principal
from holdfast.services.access.single_sign_on import SingleSignOn
from holdfast.services.attention import attention
from holdfast.services.background import Background
from holdfast.services.control_planes.presence import Presence
from holdfast.services.failures.failures import Failures
from holdfast.services.failures.other_requests import OtherRequests
from holdfast.services.gateways.connections import find_connections
from holdfast.services.gateways.elsewhere import GatewaysElsewhere
from holdfast.services.gateways.statuses import Sources
from holdfast.services.notifications.sending import Sender
from holdfast.services.probing.probes import Probes
from holdfast.services.publishing.enforcement import Enforcements
from holdfast.services.publishing.listeners import Listeners, ListenerState
from holdfast.store.database import Store
from holdfast.store.request_store import RequestStore
from holdfast.store.sealing import Sealing
from holdfast.work.pace import Pace

# Live pages read what they show after each change; with many of them, this leaves time for everything else.
LIVE_SHARE = 0.25  # of one CPU at most


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
    presence: Presence
    background: Background = field(default_factory=Background)
    single_sign_on: SingleSignOn | None = None
    listening: Listeners | None = None  # None: no gateway listens, as in tests without Envoy
    server_certificates: ServerCertificates = present_nothing
    publisher_pins: Callable[[], Sequence[bytes]] = tuple  # SHA-256 of the TLS keys of all control planes; none: http
    discovery: Address | None = None  # where remote gateways reach this control plane; None: nowhere
    enrollment_keys: Callable[[], tuple[EnrollmentKey, ...]] = tuple
    elsewhere: GatewaysElsewhere = field(default_factory=GatewaysElsewhere)  # gateways of other control planes
    discovery_addresses: Callable[[], Addresses] = tuple  # where they can connect to all control planes
    other_requests: OtherRequests | None = None  # failed requests that other control planes know; None: there are none
    gateway_states: GatewayStates = field(default_factory=GatewayStates)  # what gateways report
    live_pages: Counter[str] = field(default_factory=Counter)  # open event streams by account
    live_reads: Pace = field(default_factory=lambda: Pace(LIVE_SHARE))  # of what these show
    sender: Sender = field(default_factory=Sender)  # of notifications
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
        listeners = (
            name for cache in list(self.groups.caches.values()) for name in list(cache.get_resources(LISTENER))
        )
        return bool(self.tls_gateways) or any(name.endswith("/tls") for name in listeners)

    def list_urls(self, group: Group) -> dict[str, str]:
        """Return the URLs for callers of a group, by listener; settings have those of the default group."""
        urls: dict[str, str] = {}
        for listener in LISTENERS if group.name == DEFAULT_GROUP else ():
            own_urls = self.tls_gateways if listener.tls else self.gateways
            if url := own_urls.get(listener.environment):
                urls[listener.member] = url
        return urls | dict(group.urls)

    def list_gateways(self, group: str) -> list[str]:
        """Return the names of the connected gateways of a group, in order."""
        cache = self.groups.caches.get(group)
        here = {gateway.id for gateway in cache.gateways} if cache else set()
        connections = find_connections(self.groups, self.elsewhere.others)
        return sorted(here.union(connection.gateway.name for connection in connections.elsewhere.get(group, ())))

    @property
    def gateway_sources(self) -> Sources:
        """Where the statuses of gateways come from."""
        return Sources(self.presence.own.name, self.groups, self.gateway_states, self.elsewhere)

    @property
    def attention_sources(self) -> attention.Sources:
        """Where what needs attention comes from."""
        return attention.Sources(
            self.failures,
            self.gateway_sources,
            self.presence,
            self.server_certificates,
            self.retire_after,
            self.enforcements,
        )

    @property
    def listeners(self) -> list[ListenerState]:
        """The state of each listener of the gateways."""
        return self.listening.list_states() if self.listening else []
