"""
Whether this gateway's Envoy uses the resources that a control plane sent.
"""

import enum
from collections.abc import Collection
from dataclasses import dataclass

from holdfast.gateway.agent.open_listeners import OpenListeners
from holdfast.gateway.discovery.cache import Cache, Gateway, ResourceKey
from holdfast.gateway.resources.resource import LISTENER, SECRET, Resource

MANY = 50  # awaited secrets; while there are more, they aren't searched for, and everything else waits


class State(enum.Enum):
    """The state of one version of a resource at this gateway."""

    PENDING = enum.auto()
    IN_FORCE = enum.auto()  # or superseded, so that it no longer matters
    UNUSED = enum.auto()  # a secret that no cluster in force names
    REJECTED = enum.auto()


@dataclass(frozen=True, slots=True)
class Progress:
    """The state of a version, and Envoy's message if it was rejected."""

    state: State
    message: str = ""


PENDING, IN_FORCE, UNUSED = Progress(State.PENDING), Progress(State.IN_FORCE), Progress(State.UNUSED)


class EnvoyProgress:
    """Knows what the Envoys that follow *cache* use."""

    def __init__(self, cache: Cache, listeners: OpenListeners) -> None:
        self._cache = cache
        self._listeners = listeners

    @property
    def envoys(self) -> Collection[Gateway]:
        """
        The connected Envoys that use their initial state.

        While an Envoy replaces another one (hot restart), both count, the new one once its initial state is in use.
        """
        return [envoy for envoy in self._cache.gateways if envoy.started]

    @property
    def restart_epoch(self) -> int:
        """The number of hot restarts until the newest of these Envoys."""
        return max((envoy.restart_epoch for envoy in self.envoys), default=0)

    def find_progress(self, key: ResourceKey, version: str) -> Progress:
        """Return the state of *version* of a resource; an empty *version* means that the resource was removed."""
        envoys, current = self.envoys, self._cache.get(*key)
        if current is None and not version:
            return IN_FORCE if envoys and not any(key in envoy.acknowledged for envoy in envoys) else PENDING
        if current is None or current.version != version:
            return IN_FORCE
        # One that is being replaced may reject what its successor accepts.
        newest = self.restart_epoch
        rejections = (envoy.rejected.get(key) for envoy in envoys if envoy.restart_epoch == newest)
        if rejection := next(
            (candidate for candidate in rejections if candidate and candidate.version == version), None
        ):
            return Progress(State.REJECTED, rejection.message)
        if envoys and all(self.uses(envoy, current) for envoy in envoys):
            return IN_FORCE
        # Envoy requests a secret when it gets a cluster that names it, and then isn't done with the cluster before it
        # has the secret. So the ACK of the cluster is what counts.
        is_unused = envoys and key[0] == SECRET and not any(_has_requested(envoy, key) for envoy in envoys)
        return UNUSED if is_unused else PENDING

    def find_removed(self) -> list[ResourceKey]:
        """Return what was removed, and an Envoy may still use."""
        return [key for envoy in self.envoys for key in envoy.acknowledged if not self._cache.get(*key)]

    def uses(self, envoy: Gateway, resource: Resource) -> bool:
        """Return whether *envoy* uses this version of *resource*."""
        is_acknowledged = envoy.has((resource.type_url, resource.name), resource.version)
        if not is_acknowledged or _lacks_secret(envoy, resource):
            return False
        return resource.type_url != LISTENER or self._listeners.has(envoy, resource)


def _lacks_secret(envoy: Gateway, resource: Resource) -> bool:
    """
    Return whether *resource* names a secret that *envoy* has requested and doesn't have yet.

    Envoy acknowledges such a resource after `initial_fetch_timeout`, and at once if the agent says that there is no
    such secret. It can't connect or listen until the secret is there.
    """
    if len(envoy.awaited) > MANY:
        return True
    return any(name.encode() in resource.body for type_url, name in envoy.awaited if type_url == SECRET)


def _has_requested(envoy: Gateway, key: ResourceKey) -> bool:
    return key in envoy.unanswered or key in envoy.acknowledged or key in envoy.rejected
