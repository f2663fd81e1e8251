"""
Which of the resources that enforce a policy one gateway has in force.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from holdfast.gateway.discovery.cache import Cache, Gateway, ResourceKey
from holdfast.gateway.discovery.groups import Groups
from holdfast.services.gateways.connections import Connections
from holdfast.services.gateways.elsewhere import Connection


class Target(Protocol):
    """A connected gateway, and the resources that enforce a policy there."""

    @property
    def name(self) -> str:
        """The gateway's name."""

    @property
    def has_all(self) -> bool:
        """Whether all resources exist, and their current versions are in force."""

    @property
    def follows(self) -> bool:
        """Whether the gateway has the current version of each resource, and none that doesn't exist anymore."""

    @property
    def is_concerned(self) -> bool:
        """Whether a resource exists in the gateway's group, or the gateway may still have it."""

    @property
    def rejection(self) -> str | None:
        """Why the gateway rejects the current version of a resource."""


@dataclass(frozen=True, slots=True)
class LocalTarget:
    """A gateway that is connected to this control plane, and the cache of its group."""

    gateway: Gateway
    cache: Cache
    keys: Collection[ResourceKey]

    @property
    def name(self) -> str:
        """The gateway's name."""
        return self.gateway.id

    @property
    def has_all(self) -> bool:
        """Whether all resources exist, and their current versions are in force."""
        gateway = self.gateway
        return gateway.started and all(
            (version := self._get_version(key)) and gateway.has(key, version) for key in self.keys
        )

    @property
    def follows(self) -> bool:
        """Whether the gateway has the current version of each resource, and none that doesn't exist anymore."""
        gateway = self.gateway
        return gateway.started and all(gateway.follows(key, self._get_version(key)) for key in self.keys)

    @property
    def is_concerned(self) -> bool:
        """Whether a resource exists in the gateway's group, or the gateway may still have it."""
        gateway = self.gateway
        return not gateway.started or any(self._get_version(key) or key in gateway.acknowledged for key in self.keys)

    @property
    def rejection(self) -> str | None:
        """Why the gateway rejects the current version of a resource."""
        return next((reason for key in self.keys if (reason := self._read_rejection(key))), None)

    @property
    def is_late(self) -> bool:
        """Whether the gateway has neither applied nor rejected the resources."""
        return not self.rejection and not self.has_all

    def _read_rejection(self, key: ResourceKey) -> str | None:
        rejection = self.gateway.rejected.get(key)
        return rejection.message if rejection and rejection.version == self._get_version(key) else None

    def _get_version(self, key: ResourceKey) -> str | None:
        resource = self.cache.get(*key)
        return resource.version if resource else None


@dataclass(frozen=True, slots=True)
class RemoteTarget:
    """
    A gateway that is connected to another control plane, and the *cache* of its group in this one.

    *revision* is the one that changed the resources last. What the other control plane has written counts only if it
    had at least this revision then.
    """

    connection: Connection
    cache: Cache
    keys: Collection[ResourceKey]
    revision: int

    @property
    def name(self) -> str:
        """The gateway's name."""
        return self.connection.gateway.name

    @property
    def has_all(self) -> bool:
        """Whether the resources that *revision* has are in force."""
        gateway = self.connection.gateway
        if gateway.missing is None:
            return gateway.applied is not None and gateway.applied >= self.revision
        return self._is_current and gateway.missing.isdisjoint(self.keys)

    @property
    def follows(self) -> bool:
        """Whether the resources that *revision* has are in force, and none that it doesn't have."""
        return self.has_all

    @property
    def is_concerned(self) -> bool:
        """Whether a resource exists in the gateway's group, or the gateway may still have it."""
        return not self.has_all or any(self.cache.get(*key) for key in self.keys)

    @property
    def rejection(self) -> str | None:
        """Why the gateway rejects the version of a resource that *revision* has."""
        reasons = self.connection.gateway.rejected if self._is_current else {}
        return next((reasons[key] for key in self.keys if key in reasons), None)

    @property
    def _is_current(self) -> bool:
        return self.connection.control_plane.revision >= self.revision


def find_targets(
    groups: Groups, by_group: Mapping[str, Collection[ResourceKey]], revision: int, connections: Connections
) -> Iterator[Target]:
    """
    Yield the connected gateways of the groups in *by_group* with their resources there, own gateways first.

    *revision* is the one that changed these resources last.
    """
    caches = [(group, groups.caches[group], keys) for group, keys in by_group.items() if group in groups.caches]
    for _, cache, keys in caches:
        for gateway in connections.select(cache.gateways):
            yield LocalTarget(gateway, cache, keys)
    for group, cache, keys in caches:
        for connection in connections.elsewhere.get(group, ()):
            yield RemoteTarget(connection, cache, keys, revision)
