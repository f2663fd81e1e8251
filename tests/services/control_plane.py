"""
A distributor that follows a database, gateways that listen to it, and a loop whose clock tests set forward.

    def story():
        async with control_plane(store) as plane:
            gateway = plane.connect("edge-1")
            gateway.acknowledge(await plane.published())
    play(story())
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any, TypeVar

from acting import context_of
from holdfast.apis.enforcement import Enforcement, OriginTrust, Progress
from holdfast.apis.gateways.control_plane import ControlPlane as ControlPlaneValue
from holdfast.apis.gateways.group import DEFAULT_GROUP
from holdfast.gateway.control.states import GatewayStates
from holdfast.gateway.discovery.cache import NO_WARMING, Cache, Warming
from holdfast.gateway.discovery.groups import Groups
from holdfast.gateway.discovery.subscription import Subscription, Update
from holdfast.gateway.resources.resource import CLUSTER, LISTENER, ROUTES, SECRET, Resource
from holdfast.server.clock import utc_now
from holdfast.services.access.principal import Principal
from holdfast.services.background import Background
from holdfast.services.gateways.connection_records import ConnectionRecords
from holdfast.services.gateways.elsewhere import GatewaysElsewhere
from holdfast.services.publishing.distribution import Distributor
from holdfast.services.publishing.enforcement import Enforcements
from holdfast.services.publishing.group_listeners import GroupListeners
from holdfast.store.clock import read_database_time
from holdfast.store.control_planes import control_planes
from holdfast.store.control_planes.control_planes import LIVE_FOR
from holdfast.store.database import Store
from holdfast.store.sealing import Sealing
from holdfast.store.topics import Topic

T = TypeVar("T")
TYPES = (SECRET, CLUSTER, LISTENER, ROUTES)
SEALING = Sealing(lambda: (bytes(32),))
LISTENERS = {"production": [("127.0.0.1", 8280)], "sandbox": [("127.0.0.1", 8281)]}
PATIENCE = 30  # seconds until a test that waits for something fails


class Loop(asyncio.SelectorEventLoop):
    """An event loop whose clock can be set forward, so that tests don't wait."""

    skew = 0.0

    def time(self) -> float:
        return super().time() + self.skew

    def advance(self, seconds: float) -> None:
        """Set the clock forward."""
        self.skew += seconds


def play(story: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end."""
    with asyncio.Runner(loop_factory=Loop) as runner:
        return runner.run(story)


def advance(seconds: float) -> None:
    """Set the clock of the running loop forward."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, Loop)
    loop.advance(seconds)


@dataclass
class ListeningGateway:
    """A gateway that subscribes to everything and responds when a test lets it."""

    cache: Cache
    id: str
    subscriptions: dict[str, Subscription] = field(
        default_factory=lambda: {kind: Subscription(kind, wildcard=True) for kind in TYPES}
    )

    def __post_init__(self) -> None:
        self.gateway, self.watch = self.cache.connect(self.id, utc_now())
        self.gateway.started = True
        self.waiting: list[tuple[str, Update]] = []

    def receive(self) -> list[tuple[str, Update]]:
        """Receive the pending response, without acknowledging it."""
        self.watch.clear()
        for kind in TYPES:
            for update in self.subscriptions[kind].take_updates(self.cache.get_resources(kind), self.watch.take(kind)):
                self.gateway.unanswered.update(((kind, r.name), update.nonce) for r in update.resources)
                self.waiting.append((kind, update))
        return self.waiting

    def answer(self, error: str | None = None, only: str | None = None) -> None:
        """Acknowledge, or reject with *error*, all that was received (of one type)."""
        for kind, update in self.receive().copy():
            if only in (None, kind):
                self.subscriptions[kind].answer(self.gateway, update.nonce, error)
                self.waiting.remove((kind, update))
        self.cache.tell_observers()

    def disconnect(self) -> None:
        """Disconnect."""
        self.cache.disconnect(self.gateway, self.watch)


@dataclass
class ControlPlane:
    """A control plane without REST and pages."""

    store: Store
    groups: Groups
    enforcements: Enforcements
    distributor: Distributor
    elsewhere: GatewaysElsewhere
    records: ConnectionRecords | None  # None: it is the only one
    states: GatewayStates
    name: str

    @property
    def cache(self) -> Cache:
        """The cache of the default group."""
        return self.groups.default

    def connect(self, gateway: str, group: str = DEFAULT_GROUP) -> ListeningGateway:
        """Connect a gateway."""
        return ListeningGateway(self.groups.caches[group], gateway)

    async def published(self) -> dict[tuple[str, str], Resource]:
        """Wait until everything in the database is published; return the resources."""
        await self.until("nowhere", Progress.NOT_SERVED)
        return self.resources

    @property
    def resources(self) -> dict[tuple[str, str], Resource]:
        """The published resources, by type and name."""
        return {(kind, name): resource for kind in TYPES for name, resource in self.cache.get_resources(kind).items()}

    def enforcement(self, origin: str, organization: str = "default") -> Enforcement:
        """Return the enforcement of the trust of an origin."""
        return self.enforcements.find(context_of(self.store, Principal(organization, "anna")), OriginTrust(origin))

    async def until(self, origin: str, progress: Progress) -> Enforcement:
        """Wait until the enforcement of an origin's trust has reached *progress*."""
        await self.until_true(lambda: self.enforcement(origin).progress is progress)
        return self.enforcement(origin)

    async def until_true(self, condition: Callable[[], bool]) -> None:
        """Wait until *condition* is true, which can change with what gateways have or are sent."""
        observer = self.groups.observe()
        try:
            async with asyncio.timeout(PATIENCE):
                while not condition():
                    await observer.wait()
                    observer.clear()
        finally:
            self.groups.stop_observing(observer)


@asynccontextmanager
async def control_plane(
    store: Store,
    *,
    drain: float = 60.0,
    warming: Mapping[str, Warming] = NO_WARMING,
    forget_failures: Callable[[str, str, datetime], None] = lambda *_: None,
    among: str | None = None,
    follows: bool = True,
) -> AsyncIterator[ControlPlane]:
    """
    Run a distributor on *store* until the block ends.

    *among* is the name of a control plane that shares the database with others; its row stays when the block ends.
    Unless it *follows* them, it writes and reads only what a test lets it.
    """
    groups, states = Groups(warming), GatewayStates()
    elsewhere = GatewaysElsewhere(among)
    enforcements = Enforcements(groups, utc_now, forget_failures, elsewhere)
    distributor = Distributor(
        store, groups, enforcements, GroupListeners(LISTENERS), drain, sealing=SEALING, now=utc_now
    )
    records = (
        ConnectionRecords(store, among, groups, states, lambda: enforcements.revision, enforcements.list_latest)
        if among
        else None
    )
    if among and records:
        register(store, among)
        await records.begin()
    await distributor.begin()
    async with Background() as background:
        background.start("publisher", distributor.follow)
        background.start("enforcement", enforcements.follow)
        if records and follows:
            background.start("records", records.follow)
            background.start("elsewhere", partial(elsewhere.follow, store, groups.tell_observers))
        yield ControlPlane(store, groups, enforcements, distributor, elsewhere, records, states, among or "")


def register(store: Store, name: str, *, is_live: bool = True) -> None:
    """Register a control plane, or say whether it *is_live*: then it stays so, however slowly a test runs."""
    with store.note(Topic.CONTROL_PLANES) as session:
        now = read_database_time(session)
        seen_at = now + timedelta(minutes=5) if is_live else now - LIVE_FOR - timedelta(seconds=1)
        control_planes.save(session, ControlPlaneValue(name, name, "1", now, now), name, seen_at)
