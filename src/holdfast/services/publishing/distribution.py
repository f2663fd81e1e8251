"""
Distribution: rebuilds the resources that change rows name, and sends them to the gateways.
"""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime

import structlog

from holdfast.apis.catalog.api import Api
from holdfast.apis.gateways.group import Group
from holdfast.certificates.formats.credentials import Credential
from holdfast.gateway.discovery.groups import Groups
from holdfast.gateway.resources.apis import ApiResources, build_api
from holdfast.gateway.resources.backend_limits import DEFAULT_LIMITS, BackendLimits
from holdfast.gateway.resources.scopes import BuiltScopes
from holdfast.services.background import wake_on_write
from holdfast.services.publishing.enforcement import Enforcements
from holdfast.services.publishing.group_listeners import GroupListeners
from holdfast.services.publishing.served_group import ServedGroup
from holdfast.services.publishing.snapshot import ApiKey, Snapshot, read_changed, read_everything
from holdfast.store.database import Store
from holdfast.store.sealing import Sealing

log = structlog.get_logger()
DRAIN = 60.0  # seconds for which an unused cluster or secret stays, so that requests in flight can finish


class Distributor:
    """Keeps the cache of each group up to date with the database. Lives on one event loop."""

    def __init__(
        self,
        store: Store,
        groups: Groups,
        enforcements: Enforcements,
        listeners: GroupListeners,
        drain: float = DRAIN,
        *,
        sealing: Sealing,
        now: Callable[[], datetime],
        limits: BackendLimits = DEFAULT_LIMITS,
    ) -> None:
        self._store = store
        self._sealing = sealing
        self._now = now
        self._groups = groups
        self._enforcements = enforcements
        self._listeners = listeners
        self._drain = drain
        self._limits = limits
        self._built: dict[ApiKey, ApiResources] = {}
        self._served: dict[str, ServedGroup] = {}
        self._known: dict[str, Group] = {}
        self._sequence = 0
        self._wake = wake_on_write(store)

    async def begin(self) -> None:
        """Publish everything once."""
        everything = await asyncio.to_thread(read_everything, self._store, self._sealing, self._now())
        self.take(everything)

    def present(self, credential: Credential) -> None:
        """Let gateways present *credential* to callers, on new connections."""
        self._listeners.present(credential)
        for name, served in self._served.items():
            served.listen(self._listeners.build(self._known[name]))
            served.apply({})

    async def follow(self) -> None:
        """Publish changes as they happen, until cancelled."""
        while True:
            self._wake.clear()
            changed = await asyncio.to_thread(read_changed, self._store, self._sealing, self._sequence, self._now())
            self.take(changed)
            await self._wake.wait()

    def take(self, snapshot: Snapshot) -> None:
        """Build the APIs of *snapshot*, and send all resulting changes to the gateways in one step."""
        concerned = dict.fromkeys(self._take_groups(snapshot.groups))
        old = {key: self._built[key] for key in snapshot.apis if key in self._built}
        for key, api in snapshot.apis.items():
            before = old.get(key)
            self._built.pop(key, None)
            after = _build(api, snapshot, self._limits) if api else None
            if after and after.clusters:
                self._built[key] = after
            groups = (before.groups if before else frozenset()) | (after.groups if after else frozenset())
            for group in sorted(groups & self._served.keys()):
                self._served[group].replace(key, _within(before, group), _within(after, group))
                concerned[group] = None
        self._sequence = snapshot.sequence
        self._enforcements.take_resources(snapshot, old, self._built)
        built: BuiltScopes = {}
        resources = sum(self._served[group].apply(built) for group in concerned)
        self._groups.tell_observers()
        log.info("published", apis=len(snapshot.apis), resources=resources, sequence=snapshot.sequence)

    def _take_groups(self, groups: Sequence[Group]) -> list[str]:
        """Follow which groups there are; return those whose listeners changed."""
        for gone in self._served.keys() - {group.name for group in groups}:
            del self._served[gone], self._known[gone]
            self._groups.remove(gone)
        changed = []
        for group in groups:
            before = self._known.get(group.name)
            self._known[group.name] = group
            if before is None:
                self._served[group.name] = ServedGroup(self._groups, group.name, self._drain)
            if before is None or before.listen != group.listen:
                self._served[group.name].listen(self._listeners.build(group))
                changed.append(group.name)
        return changed


def _within(resources: ApiResources | None, group: str) -> ApiResources | None:
    return resources if resources and group in resources.groups else None


def _build(api: Api, snapshot: Snapshot, limits: BackendLimits) -> ApiResources | None:
    try:
        org = api.organization
        callers = snapshot.callers.get((org, api.id), frozenset())
        return build_api(api, snapshot.trust.get(org, {}), snapshot.identities.get(org, {}), callers, limits)
    except Exception:
        # An API that can't be built isn't served, which is safe, and doesn't affect others.
        log.exception("API cannot be built", api=api.id, organization=api.organization)
        return None
