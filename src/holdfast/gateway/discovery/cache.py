"""
Current xDS resources, and the versions that each gateway has acknowledged.

Everything runs on one event loop, and a change is applied in one step, so no gateway ever sees half of it.
"""

import time
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType

from holdfast.gateway.discovery.observers import Observers
from holdfast.gateway.discovery.watch import Watch
from holdfast.gateway.resources.resource import Resource

ResourceKey = tuple[str, str]  # type URL, name
Warming = Callable[[], Awaitable[Collection[str] | None]]


async def find_nothing_warming() -> Collection[str]:
    """Return the warming clusters of a gateway that can't be asked: none are known."""
    return ()


NO_WARMING: Mapping[str, Warming] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Rejection:
    """A version that a gateway rejected, and its error message."""

    version: str
    message: str


@dataclass(frozen=True, slots=True)
class AppliedRevision:
    """A *revision* of the configuration that a gateway has completely in force, and *since* when (aware, UTC)."""

    revision: int
    since: datetime


@dataclass(slots=True)
class Gateway:
    """
    One connected Envoy: the versions that it has acknowledged and rejected, by type URL and name.

    *warming* returns the names of clusters whose last version isn't in use yet; None if unknown. It's slow: Envoy stops
    for up to 20 ms (2,000 APIs).

    *started* becomes true when a new Envoy requests listeners, and when an agent, or an Envoy that connects again, has
    named everything that it has: its first request for routes is the last one. An ACK then means that the version is in
    use: Envoy requests listeners once all clusters of its initial state are in use, and then holds back the ACKs of
    clusters while any of them is warming.
    """

    id: str
    connected_at: datetime
    warming: Warming = find_nothing_warming
    started: bool = False
    acknowledged: dict[ResourceKey, str] = field(default_factory=dict)
    rejected: dict[ResourceKey, Rejection] = field(default_factory=dict)
    unanswered: dict[ResourceKey, str] = field(default_factory=dict)  # nonce of the last update sent
    awaited: set[ResourceKey] = field(default_factory=set)  # requested by name, and never acknowledged or rejected
    updates: int = 0  # sent, and neither acknowledged nor rejected
    watch: Watch = field(default_factory=Watch)  # what is to be sent
    applied: AppliedRevision | None = None
    behind_since: datetime | None = None  # since when it hasn't had the newest revision in force
    seen: float = field(default_factory=time.monotonic)  # when it connected, by a clock that is never set
    restart_epoch: int = 0  # of an Envoy: a hot restart's has the next number
    recorded_at: datetime | None = None  # when other control planes could know of it first, by the database's clock

    @property
    def behind(self) -> int:
        """The number of resources that it has yet to apply: at least 1 while an update is unsent or unanswered."""
        return max(len(self.unanswered) + self.watch.size, self.updates, self.watch.is_set())

    def has(self, key: ResourceKey, version: str) -> bool:
        """Return whether *version* is the last one sent, and acknowledged."""
        return key not in self.unanswered and self.acknowledged.get(key) == version

    def follows(self, key: ResourceKey, version: str | None) -> bool:
        """Return whether it has *version*, the current one, or nothing if the resource doesn't exist (None)."""
        return self.has(key, version) if version else key not in self.acknowledged


class Cache(Observers):
    """The current resources by type and name, and the connected gateways."""

    def __init__(self, warming: Mapping[str, Warming] = NO_WARMING, parent: Observers | None = None) -> None:
        """*warming* maps a gateway's id to the function that returns its warming clusters."""
        super().__init__(parent)
        self._warming = warming
        self._resources: dict[str, dict[str, Resource]] = {}
        self._gateways: dict[int, Gateway] = {}
        self._watches: set[Watch] = set()

    def apply(self, upserts: Iterable[Resource], removals: Iterable[ResourceKey] = ()) -> None:
        """Replace and remove resources in one step, and wake every stream with their names."""
        keys: list[ResourceKey] = []
        for type_url, name in removals:
            self._resources.get(type_url, {}).pop(name, None)
            keys.append((type_url, name))
        for resource in upserts:
            self._resources.setdefault(resource.type_url, {})[resource.name] = resource
            keys.append((resource.type_url, resource.name))
        for watch in self._watches:
            for type_url, name in keys:
                watch.add(type_url, name)
            watch.set()

    def get_resources(self, type_url: str) -> dict[str, Resource]:
        """Return the current resources of one type by name; don't modify the result."""
        return self._resources.get(type_url, {})

    def get(self, type_url: str, name: str) -> Resource | None:
        """Return the current resource of this type and name, or None."""
        return self._resources.get(type_url, {}).get(name)

    def watch(self) -> Watch:
        """Return a watch that is set whenever resources have changed, and knows which, until `unwatch`."""
        watch = Watch()
        self._watches.add(watch)
        return watch

    def unwatch(self, watch: Watch) -> None:
        """Forget *watch*."""
        self._watches.discard(watch)

    # Streams

    def connect(self, gateway_id: str, now: datetime) -> tuple[Gateway, Watch]:
        """Register a stream; its watch is set whenever resources have changed, and knows which."""
        warming = self._warming.get(gateway_id, find_nothing_warming)
        watch = self.watch()
        gateway = Gateway(gateway_id, now, warming, watch=watch)
        self._gateways[id(gateway)] = gateway
        self.tell_observers()
        return gateway, watch

    def disconnect(self, gateway: Gateway, watch: Watch) -> None:
        """Forget a stream that has ended."""
        self._gateways.pop(id(gateway), None)
        self.unwatch(watch)
        self.tell_observers()

    @property
    def gateways(self) -> list[Gateway]:
        """The connected gateways."""
        return list(self._gateways.values())
