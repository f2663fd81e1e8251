"""
Which of the resources that enforce a policy one gateway has in force.
"""

from collections.abc import Collection
from dataclasses import dataclass

from holdfast.gateway.discovery.cache import Cache, Gateway, ResourceKey


@dataclass(frozen=True, slots=True)
class Target:
    """A connected gateway, the cache of its group, and the resources that enforce a policy there."""

    gateway: Gateway
    cache: Cache
    keys: Collection[ResourceKey]

    @property
    def has_all(self) -> bool:
        """Whether all resources exist, and their current versions are in force."""
        gateway = self.gateway
        return gateway.started and all((v := self._version(key)) and gateway.has(key, v) for key in self.keys)

    @property
    def follows(self) -> bool:
        """Whether the gateway has the current version of each resource, and none that doesn't exist anymore."""
        return all(self._follows(key) for key in self.keys)

    @property
    def is_concerned(self) -> bool:
        """Whether a resource exists in the gateway's group, or the gateway still has it."""
        return any(self._version(key) or key in self.gateway.acknowledged for key in self.keys)

    @property
    def rejection(self) -> str | None:
        """Why the gateway rejects the current version of a resource."""
        return next((reason for key in self.keys if (reason := self._read_rejection(key))), None)

    @property
    def is_late(self) -> bool:
        """Whether the gateway has neither applied nor rejected the resources."""
        return not self.rejection and not self.has_all

    def _follows(self, key: ResourceKey) -> bool:
        version = self._version(key)
        return self.gateway.has(key, version) if version else key not in self.gateway.acknowledged

    def _read_rejection(self, key: ResourceKey) -> str | None:
        rejection = self.gateway.rejected.get(key)
        return rejection.message if rejection and rejection.version == self._version(key) else None

    def _version(self, key: ResourceKey) -> str | None:
        resource = self.cache.get(*key)
        return resource.version if resource else None
