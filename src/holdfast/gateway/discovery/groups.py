"""
The resources of each group of gateways.

A stream is bound to the cache of one group, so a gateway can't be sent what another group serves.
"""

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from holdfast.apis.gateways.group import DEFAULT_GROUP
from holdfast.gateway.discovery.cache import NO_WARMING, Cache, Gateway, Warming
from holdfast.gateway.discovery.observers import Observers
from holdfast.gateway.peer import Peer
from holdfast.gateway.resources.resource import Resource


class Groups(Observers):
    """
    The cache of each group by the group's name, and all connected gateways. Lives on one event loop.

    Observers are woken by the gateways of every group.
    """

    def __init__(self, warming: Mapping[str, Warming] = NO_WARMING) -> None:
        """*warming* maps a gateway's id to the function that returns its warming clusters."""
        super().__init__()
        self._warming = warming
        self._caches: dict[str, Cache] = {}
        self.default = self.add(DEFAULT_GROUP)

    def add(self, group: str) -> Cache:
        """Return the cache of *group*, which is created if the group is new."""
        if group not in self._caches:
            self._caches[group] = Cache(self._warming, parent=self)
        return self._caches[group]

    def remove(self, group: str) -> None:
        """Forget a group; streams of its gateways aren't sent anything more."""
        self._caches.pop(group, None)

    @property
    def caches(self) -> Mapping[str, Cache]:
        """The caches by group."""
        return MappingProxyType(self._caches)

    def find_cache(self, peer: Peer) -> Cache | None:
        """Return the cache of a gateway's group, or None if there is no such group."""
        return self._caches.get(peer.group)

    @property
    def gateways(self) -> list[Gateway]:
        """The connected gateways of all groups."""
        return [gateway for cache in self._caches.values() for gateway in cache.gateways]

    def share(self, resources: Iterable[Resource]) -> list[Resource]:
        """Return *resources*, with the object that a group already has in place of each equal one, to save memory."""
        return [self._find_equal(resource) for resource in resources]

    def _find_equal(self, resource: Resource) -> Resource:
        candidates = (cache.get(resource.type_url, resource.name) for cache in self._caches.values())
        return next((other for other in candidates if other == resource), resource)
