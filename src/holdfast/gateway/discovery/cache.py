"""
What is true (the resources), and who has which of it (the gateways).

All of it lives on one event loop: a change is made in one step, so that no gateway ever sees half of it.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from holdfast.gateway.resources.resource import Resource

ResourceKey = tuple[str, str]  # type URL, name
Warming = Callable[[], Awaitable[Collection[str] | None]]
SOON = 0.1  # seconds


async def nothing_warming() -> Collection[str]:
    """Name the clusters that are warming at a gateway that uses at once what it acknowledges."""
    return ()


NO_WARMING: Mapping[str, Warming] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Rejection:
    """A version that a gateway refused, in its own words."""

    version: str
    message: str


@dataclass(slots=True)
class Gateway:
    """
    One connected Envoy: what it has acknowledged and refused, by type URL and name.

    *warming* names the clusters of which it has acknowledged a version that it does not use yet; None when it cannot.
    """

    id: str
    connected_at: float
    warming: Warming = nothing_warming
    acknowledged: dict[ResourceKey, str] = field(default_factory=dict)
    rejected: dict[ResourceKey, Rejection] = field(default_factory=dict)
    unanswered: dict[ResourceKey, str] = field(default_factory=dict)  # the nonce of what was sent last

    def has(self, key: ResourceKey, version: str) -> bool:
        """Say whether *version* is the last that was sent, and acknowledged."""
        return key not in self.unanswered and self.acknowledged.get(key) == version


class Cache:
    """The current resources by type and name, and the connected gateways."""

    def __init__(self, warming: Mapping[str, Warming] = NO_WARMING, clock: Callable[[], float] = time.time) -> None:
        """*warming* has, by a gateway's id, what names its warming clusters."""
        self._warming = warming
        self._clock = clock
        self._resources: dict[str, dict[str, Resource]] = {}
        self._gateways: dict[int, Gateway] = {}
        self._watches: set[asyncio.Event] = set()
        self._observers: set[asyncio.Event] = set()
        self._telling: asyncio.TimerHandle | None = None

    def apply(self, upserts: Iterable[Resource], removals: Iterable[ResourceKey] = ()) -> None:
        """Replace and remove resources in one step and wake every stream."""
        for type_url, name in removals:
            self._resources.get(type_url, {}).pop(name, None)
        for resource in upserts:
            self._resources.setdefault(resource.type_url, {})[resource.name] = resource
        for watch in self._watches:
            watch.set()

    def resources(self, type_url: str) -> dict[str, Resource]:
        """The current resources of one type, by name; not to be changed."""
        return self._resources.get(type_url, {})

    def get(self, type_url: str, name: str) -> Resource | None:
        """The current resource of this type and name, if there is one."""
        return self._resources.get(type_url, {}).get(name)

    # Streams

    def connect(self, gateway_id: str) -> tuple[Gateway, asyncio.Event]:
        """Register a stream; its event is set whenever resources have changed."""
        warming = self._warming.get(gateway_id, nothing_warming)
        gateway, watch = Gateway(gateway_id, self._clock(), warming), asyncio.Event()
        self._gateways[id(gateway)] = gateway
        self._watches.add(watch)
        self.tell_observers()
        return gateway, watch

    def disconnect(self, gateway: Gateway, watch: asyncio.Event) -> None:
        """Forget a stream that has ended."""
        self._gateways.pop(id(gateway), None)
        self._watches.discard(watch)
        self.tell_observers()

    @property
    def gateways(self) -> list[Gateway]:
        """The gateways that are connected now."""
        return list(self._gateways.values())

    # Observers: who shows what gateways have

    def observe(self) -> asyncio.Event:
        """Give an event that is set whenever a gateway comes, goes, acknowledges or refuses."""
        observer = asyncio.Event()
        self._observers.add(observer)
        return observer

    def stop_observing(self, observer: asyncio.Event) -> None:
        """Forget *observer*."""
        self._observers.discard(observer)

    def tell_observers(self) -> None:
        """Wake all observers."""
        for observer in self._observers:
            observer.set()

    def tell_observers_soon(self) -> None:
        """Wake all observers within SOON, once for all that is told until then."""
        if self._telling is None:
            self._telling = asyncio.get_running_loop().call_later(SOON, self._tell_now)

    def _tell_now(self) -> None:
        self._telling = None
        self.tell_observers()
