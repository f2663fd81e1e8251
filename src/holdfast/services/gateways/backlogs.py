"""
Which resources each gateway doesn't have in force yet, at the cost of what changes.
"""

from collections.abc import Collection
from dataclasses import dataclass, field

from holdfast.gateway.discovery.ads import ORDER
from holdfast.gateway.discovery.cache import Cache, Gateway, ResourceKey
from holdfast.gateway.discovery.groups import Groups
from holdfast.gateway.discovery.watch import Watch

MAX_MISSING = 100  # resources of one gateway; with more, any may be missing


@dataclass(slots=True)
class _Backlog:
    """The resources that a gateway is *missing*; None: any. *compared*: all resources were compared once."""

    gateway: Gateway
    missing: set[ResourceKey] | None = None
    compared: bool = False


@dataclass(slots=True)
class _Group:
    """The cache of a group, what has changed in it since the last look, and the backlogs of its gateways by stream."""

    cache: Cache
    watch: Watch
    backlogs: dict[int, _Backlog] = field(default_factory=dict)


class Backlogs:
    """The resources that gateways are missing, as of the last call of `follow`. Lives on one event loop."""

    def __init__(self, groups: Groups) -> None:
        self._groups = groups
        self._by_group: dict[str, _Group] = {}

    def follow(self) -> None:
        """Examine what has changed since the last call."""
        caches = self._groups.caches
        for name in [name for name, group in self._by_group.items() if caches.get(name) is not group.cache]:
            self._by_group.pop(name)
        for name, cache in caches.items():
            if name not in self._by_group:
                self._by_group[name] = _Group(cache, cache.watch())
            _look(self._by_group[name])

    def find_missing(self, group: str, gateway: Gateway) -> frozenset[ResourceKey] | None:
        """Return what *gateway* is missing, including what it rejects; None: anything may be missing."""
        missing = self._by_group[group].backlogs[id(gateway)].missing
        return None if missing is None else frozenset(missing)


def _look(group: _Group) -> None:
    changes = [(type_url, name) for type_url in ORDER for name in group.watch.take(type_url)]
    before, group.backlogs = group.backlogs, {}
    for gateway in group.cache.gateways:
        # The old backlogs refer to their gateways, so a new gateway can't have the identity of one of them.
        backlog = before.get(id(gateway)) or _Backlog(gateway)
        group.backlogs[id(gateway)] = backlog
        backlog.missing = _find_missing(group.cache, gateway, backlog, changes)
        backlog.compared |= backlog.missing is not None


def _find_missing(
    cache: Cache, gateway: Gateway, backlog: _Backlog, changes: Collection[ResourceKey]
) -> set[ResourceKey] | None:
    candidates: Collection[ResourceKey]
    if backlog.missing is not None and len(backlog.missing) + len(changes) <= MAX_MISSING:
        candidates = backlog.missing.union(changes)
    elif not gateway.started or gateway.behind:
        return None
    elif backlog.compared:  # since then, everything that has changed was sent and answered
        candidates = list(gateway.rejected)
    else:
        candidates = [(type_url, name) for type_url in ORDER for name in cache.get_resources(type_url)]
    missing = {key for key in candidates if not gateway.follows(key, _get_version(cache, key))}
    return missing if len(missing) <= MAX_MISSING else None


def _get_version(cache: Cache, key: ResourceKey) -> str | None:
    resource = cache.get(*key)
    return resource.version if resource else None
