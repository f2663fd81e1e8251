"""
Distribution: reads the APIs that change rows name, and sends their resources to the gateways.
"""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime

import structlog

from holdfast.apis.gateways.group import Group
from holdfast.certificates.formats.credentials import Credential
from holdfast.gateway.discovery.groups import Groups
from holdfast.gateway.resources.apis import ApiResources
from holdfast.gateway.resources.backend_limits import DEFAULT_LIMITS, BackendLimits
from holdfast.gateway.resources.cluster_names import read_cluster_name
from holdfast.gateway.resources.clusters import carries_token
from holdfast.gateway.resources.resource import Resource
from holdfast.gateway.resources.scopes import BuiltScopes
from holdfast.gateway.resources.tls import presents_identity, refuses_backend
from holdfast.services.background import wake_on_write
from holdfast.services.publishing.building import BuiltApis, build_apis
from holdfast.services.publishing.enforcement import Enforcements
from holdfast.services.publishing.group_listeners import GroupListeners
from holdfast.services.publishing.served_group import ServedGroup
from holdfast.services.publishing.snapshot import ApiKey, Snapshot, read_again, read_changed, read_everything
from holdfast.store.database import Store
from holdfast.store.errors import StoreFailure
from holdfast.store.journal import Change, ChangesLost
from holdfast.store.sealing import Sealing
from holdfast.work.garbage import pause_collection

log = structlog.get_logger()
WELCOME = 2.0  # seconds that a gateway waits for the latest changes
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
        self._resources: dict[ApiKey, Sequence[ApiResources]] = {}
        self._served_groups: dict[str, ServedGroup] = {}
        self._groups_by_name: dict[str, Group] = {}
        self._last: Change | None = None
        self._reading: asyncio.Task[None] | None = None  # for calls of `catch_up` up to *_covered*
        self._calls = self._covered = self._answered = 0  # of `catch_up`
        self._wake = wake_on_write(store)

    async def begin(self) -> None:
        """Publish everything once."""
        with pause_collection():
            self.take(*await asyncio.to_thread(self._read_everything))

    def present(self, credential: Credential) -> None:
        """Let gateways present *credential* to callers, on new connections."""
        self._listeners.present(credential)
        for name, group in self._served_groups.items():
            group.listen(self._listeners.build(self._groups_by_name[name]))
            group.apply({})

    async def follow(self) -> None:
        """Publish changes as they happen, until cancelled."""
        while True:
            self._wake.clear()
            await self.catch_up()
            await self._wake.wait()

    async def catch_up(self) -> None:
        """Publish all changes that were committed before this call. Raises StoreFailure."""
        self._calls += 1
        call = self._calls
        while call > self._answered:
            if self._reading is None:
                self._covered = self._calls
                self._reading = asyncio.create_task(self._take_changes(self._covered))
                self._reading.add_done_callback(_ignore_failure)  # nobody may wait for it
            is_covered = call <= self._covered
            try:
                # A thread can't be cancelled. Without it, the next call would read in another thread, until all wait.
                await asyncio.shield(self._reading)
            except StoreFailure:
                if is_covered:
                    raise

    async def _take_changes(self, calls: int) -> None:
        try:
            self.take(*await asyncio.to_thread(self._read_changed, self._last, list(self._resources)))
            self._answered = calls
        finally:
            self._reading = None

    def _read_everything(self) -> tuple[Snapshot, BuiltApis]:
        snapshot = read_everything(self._store, self._sealing, self._now())
        return snapshot, build_apis(snapshot, self._limits)

    def _read_changed(self, last: Change | None, api_keys: Sequence[ApiKey]) -> tuple[Snapshot, BuiltApis]:
        """Read what has changed since *last*, or everything if the database has lost some of the changes until then."""
        try:
            snapshot = read_changed(self._store, self._sealing, last, self._now())
        except ChangesLost:
            log.error("the database has lost changes, so everything is published again", after=last and last.sequence)
            snapshot = read_again(self._store, self._sealing, last, api_keys, self._now())
        return snapshot, build_apis(snapshot, self._limits)

    async def welcome(self) -> None:
        """
        Publish all changes before a gateway is sent anything, because it may have them already from elsewhere.

        If the database can't be read within WELCOME seconds, the gateway is sent what this control plane has.
        """
        try:
            async with asyncio.timeout(WELCOME):
                await self.catch_up()
        except (StoreFailure, TimeoutError) as error:
            log.warning("gateway gets what may not be current", reason=str(error) or "The database doesn't answer.")

    def take(self, snapshot: Snapshot, built_apis: BuiltApis) -> None:
        """Send all changes that result from *snapshot*, with the resources of its APIs, to the gateways in one step."""
        group_names = dict.fromkeys(self._take_groups(snapshot.groups))
        old = {key: self._resources[key] for key in snapshot.apis if key in self._resources}
        for key in snapshot.apis:
            before, after = old.get(key, ()), built_apis.get(key, ())
            self._resources.pop(key, None)
            if after:
                self._resources[key] = after
            groups = frozenset[str]().union(*(api.groups for api in (*before, *after)))
            for group in sorted(groups & self._served_groups.keys()):
                self._served_groups[group].replace(key, _find_variant(before, group), _find_variant(after, group))
                group_names[group] = None
        self._last = snapshot.last
        self._enforcements.take_resources(snapshot, old, self._resources)
        scopes: BuiltScopes = {}
        resources = sum(self._served_groups[group].apply(scopes) for group in group_names)
        self._groups.tell_observers()
        if group_names or snapshot.apis:
            log.info("published", apis=len(snapshot.apis), resources=resources, sequence=self._enforcements.revision)

    def presents_identity(self, name: str, member: str = "") -> bool:
        """
        Return whether gateways present a client certificate to the backend that *name*, of a route, is about.

        *member* is the origin of a group's member, if one was chosen.
        """
        return any(presents_identity(cluster, member) for cluster in self._find_clusters(name))

    def refuses_backend(self, name: str, member: str = "") -> bool:
        """Return whether gateways refuse the backend, as `presents_identity` names it, whatever it presents."""
        return any(refuses_backend(cluster, member) for cluster in self._find_clusters(name))

    def carries_token(self, name: str) -> bool:
        """Return whether requests to the backend that *name*, of a route, is about carry an access token."""
        return any(map(carries_token, self._find_clusters(name)))

    def _find_clusters(self, name: str) -> list[Resource]:
        owner = read_cluster_name(name)
        api_resources = self._resources.get(owner[:2], ()) if owner else ()
        clusters = (cluster for resources in api_resources for cluster in resources.clusters)
        return [cluster for cluster in clusters if f"{cluster.name}/".startswith(f"{name}/")]

    def _take_groups(self, groups: Sequence[Group]) -> list[str]:
        """Follow which groups there are; return those whose listeners changed."""
        for name in self._served_groups.keys() - {group.name for group in groups}:
            del self._served_groups[name], self._groups_by_name[name]
            self._groups.remove(name)
        names = []
        for group in groups:
            before = self._groups_by_name.get(group.name)
            if before and group.is_unreadable:
                continue  # its gateways keep their listeners
            self._groups_by_name[group.name] = group
            if before is None:
                self._served_groups[group.name] = ServedGroup(self._groups, group.name, self._drain)
            if before is None or before.listen != group.listen:
                self._served_groups[group.name].listen(self._listeners.build(group))
                names.append(group.name)
        return names


def _ignore_failure(reading: asyncio.Task[None]) -> None:
    if not reading.cancelled():
        reading.exception()


def _find_variant(variants: Sequence[ApiResources], group: str) -> ApiResources | None:
    return next((resources for resources in variants if group in resources.groups), None)
