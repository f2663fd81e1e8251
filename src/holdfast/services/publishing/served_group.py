"""
The resources that the gateways of one group are served: those of the APIs that are deployed to it.
"""

import asyncio
from collections import Counter
from collections.abc import Iterable

import structlog

from holdfast.gateway.discovery.cache import ResourceKey
from holdfast.gateway.discovery.groups import Groups
from holdfast.gateway.resources.apis import ApiResources
from holdfast.gateway.resources.resource import CLUSTER, Resource
from holdfast.gateway.resources.scopes import BuiltScopes, Scopes
from holdfast.services.publishing.snapshot import ApiKey

log = structlog.get_logger()


class ServedGroup:
    """Collects changes to a group's resources, and applies them to its cache in one step. Lives on one event loop."""

    def __init__(self, groups: Groups, name: str, drain: float) -> None:
        """Resources that aren't used anymore stay for *drain* seconds."""
        self._groups = groups
        self._name = name
        self._cache = groups.add(name)
        self._drain = drain
        self._scopes = Scopes()
        self._users: Counter[ResourceKey] = Counter()  # how many APIs use a cluster or secret
        self._due: dict[ResourceKey, float] = {}  # when an unused cluster or secret can be removed
        self._upserts: list[Resource] = []
        self._listeners: list[Resource] = []
        self._removals: list[ResourceKey] = []
        self._listening: set[ResourceKey] = set()

    def listen(self, resources: Iterable[Resource]) -> None:
        """Replace the listeners, with the secret that they need, when the changes are applied."""
        self._listeners = list(resources)
        keys = {(resource.type_url, resource.name) for resource in self._listeners}
        self._removals += self._listening - keys
        self._listening = keys

    def replace(self, api: ApiKey, before: ApiResources | None, after: ApiResources | None) -> None:
        """Serve the resources *after* of an API instead of *before*; None: it isn't deployed to this group."""
        if after:
            self._upserts += after.all
            self._users.update((r.type_url, r.name) for r in after.all)
        if before:
            self._users.subtract((r.type_url, r.name) for r in before.all)
            self._retire_later([(r.type_url, r.name) for r in before.all])
        self._scopes.replace(api, before, after)

    def apply(self, scopes: BuiltScopes) -> int:
        """
        Send the changes since the last call to the group's gateways; return how many resources.

        *scopes* has the routes that other groups changed at the same time, so that equal ones are built once.
        """
        routes, routeless = self._scopes.take_changes(scopes)
        upserts = self._upserts + self._groups.share(self._listeners + routes)
        removals = self._removals + routeless
        self._upserts, self._listeners, self._removals = [], [], []
        self._cache.apply(upserts, removals)
        return len(upserts)

    def _retire_later(self, keys: list[ResourceKey]) -> None:
        unused_keys = [key for key in keys if self._users[key] <= 0]
        if unused_keys:
            loop = asyncio.get_running_loop()
            due = loop.time() + self._drain
            self._due.update(dict.fromkeys(unused_keys, due))
            loop.call_at(due, self._retire, unused_keys, due)

    def _retire(self, keys: list[ResourceKey], due: float) -> None:
        # If a resource was used again in the meantime, it has users or another time.
        unused_keys = [key for key in keys if self._users[key] <= 0 and self._due.get(key) == due]
        # Envoy drops a secret together with the cluster that names it, so both can be removed in one step.
        for key in unused_keys:
            del self._users[key], self._due[key]
        self._cache.apply([], unused_keys)
        log.info("retired", group=self._name, clusters=sum(key[0] == CLUSTER for key in unused_keys))
