"""
Whether the last change of a policy is in force: only once every connected gateway has confirmed it.
"""

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from holdfast.apis.catalog.endpoint import ENVIRONMENTS
from holdfast.apis.enforcement import Enforcement, OriginTrust, Policy, Progress
from holdfast.gateway.discovery.cache import Cache, Gateway, ResourceKey
from holdfast.gateway.resources.apis import ApiResources
from holdfast.gateway.resources.resource import CLUSTER, ROUTES
from holdfast.gateway.resources.routes import scope_name
from holdfast.services.access.context import Context
from holdfast.services.publishing.snapshot import ApiKey, Snapshot
from holdfast.store import journal
from holdfast.store.journal import Change

PolicyKey = tuple[str, Policy]  # organization, policy
FIRST_LOOK, LONGEST_LOOK = 0.002, 0.2  # seconds between checks for clusters that are still warming


@dataclass(slots=True)
class _Change:
    """The last change of a policy; *milliseconds* until it was enforced, None while it is pending."""

    at: datetime
    milliseconds: int | None = None


class Enforcements:
    """Knows, for each policy, which resources enforce it, and which gateways have applied them."""

    def __init__(
        self,
        cache: Cache,
        now: Callable[[], datetime],
        on_enforced: Callable[[str, str, datetime], None] = lambda *_: None,
    ) -> None:
        """*on_enforced* is called with organization and id of an API, and the time, when a change of it is enforced."""
        self._cache = cache
        self._now = now
        self._on_enforced = on_enforced
        self._sequence = 0
        self._parts: dict[PolicyKey, dict[ApiKey, frozenset[ResourceKey]]] = {}
        self._changes: dict[PolicyKey, _Change] = {}
        self._pending: set[PolicyKey] = set()
        self._unverified: set[PolicyKey] = set()

    async def follow(self) -> None:
        """Follow the gateways' acknowledgements, until cancelled."""
        observer = self._cache.observe()
        look = FIRST_LOOK
        try:
            while True:
                observer.clear()
                acknowledged = [key for key in self._pending if self._is_everywhere(key)]
                settled = await self._without_warming(acknowledged)
                self._settle(settled)
                look = FIRST_LOOK if len(settled) == len(acknowledged) else min(look * 2, LONGEST_LOOK)
                if len(settled) < len(acknowledged):
                    asyncio.get_running_loop().call_later(look, observer.set)
                await observer.wait()
        finally:
            self._cache.stop_observing(observer)

    def take_resources(
        self, snapshot: Snapshot, before: Mapping[ApiKey, ApiResources], after: Mapping[ApiKey, ApiResources]
    ) -> None:
        """Record the resources of the APIs in *snapshot*, which the distributor is about to send."""
        for api in snapshot.apis:
            for policy in before[api].by_policy if api in before else ():
                parts = dict(self._parts.pop((api[0], policy), {}))
                parts.pop(api, None)
                if parts:
                    self._parts[api[0], policy] = parts
            for policy, keys in after[api].by_policy.items() if api in after else ():
                self._parts[api[0], policy] = self._parts.get((api[0], policy), {}) | {api: keys}
        for organization, sets in snapshot.trust.items():
            policies = {(organization, OriginTrust(str(origin))): trust for origin, trust in sets.items()}
            unverified = {key for key, trust in policies.items() if trust.unverified_until is not None}
            self._unverified = (self._unverified - policies.keys()) | unverified
        for change in snapshot.changes:
            for policy in _policies(change, before, after):
                self._changes[change.organization, policy] = _Change(change.at)
                self._pending.add((change.organization, policy))
        self._sequence = snapshot.sequence

    def of_origins(self, context: Context, origins: Collection[str]) -> dict[str, Enforcement]:
        """Return by origin whether its trust, as it is in the database, is in force at every connected gateway."""
        behind, organization = self._is_behind(context), context.user.organization
        return {origin: self._of((organization, OriginTrust(origin)), behind=behind) for origin in origins}

    def of(self, context: Context, policy: Policy) -> Enforcement:
        """Return whether *policy*, as it is in the database, is in force at every connected gateway."""
        return self._of((context.user.organization, policy), behind=self._is_behind(context))

    def of_path(self, context: Context, path: str) -> Enforcement:
        """Return whether every connected gateway has the current routes below *path*, or none if there are none."""
        behind, gateways = self._is_behind(context), self._cache.gateways
        keys = [(ROUTES, scope_name(environment, path.split("/")[1])) for environment in ENVIRONMENTS]
        following = [gateway for gateway in gateways if not behind and all(self._follows(gateway, key) for key in keys)]
        refused = [reason for gateway in gateways for key in keys if (reason := self._read_rejection(gateway, key))]
        if not gateways:
            return Enforcement(Progress.NO_GATEWAY)
        if refused:
            return Enforcement(Progress.REFUSED, len(gateways), len(following), reason=refused[0])
        progress = Progress.ENFORCED if len(following) == len(gateways) else Progress.WAITING
        return Enforcement(progress, len(gateways), len(following))

    def _is_behind(self, context: Context) -> bool:
        """Return whether the database, as *context* sees it, has changes that the distributor hasn't sent."""
        with context.read() as session:
            return journal.last_change(session) > self._sequence

    def _follows(self, gateway: Gateway, key: ResourceKey) -> bool:
        version = self._version(key)
        return gateway.has(key, version) if version else key not in gateway.acknowledged

    def _of(self, key: PolicyKey, *, behind: bool) -> Enforcement:
        resources, gateways, change = self._resources(key), self._cache.gateways, self._changes.get(key)
        has = [gateway for gateway in gateways if self._has_acknowledged(gateway, resources)]
        refused = [
            reason for gateway in gateways for part in resources if (reason := self._read_rejection(gateway, part))
        ]
        if not resources and not behind:
            return Enforcement(Progress.NOT_SERVED)
        if not gateways:
            return Enforcement(Progress.NO_GATEWAY)
        if refused:
            return Enforcement(Progress.REFUSED, len(gateways), len(has), reason=refused[0])
        if behind or key in self._pending or len(has) < len(gateways):
            return Enforcement(Progress.WAITING, len(gateways), 0 if behind else len(has))
        progress = Progress.UNVERIFIED if key in self._unverified else Progress.ENFORCED
        return Enforcement(progress, len(gateways), len(has), change.milliseconds if change else None)

    def _resources(self, key: PolicyKey) -> frozenset[ResourceKey]:
        return frozenset().union(*self._parts.get(key, {}).values())

    def _has_acknowledged(self, gateway: Gateway, keys: Iterable[ResourceKey]) -> bool:
        return all((version := self._version(key)) and gateway.has(key, version) for key in keys)

    def _read_rejection(self, gateway: Gateway, key: ResourceKey) -> str | None:
        rejection = gateway.rejected.get(key)
        return rejection.message if rejection and rejection.version == self._version(key) else None

    def _version(self, key: ResourceKey) -> str | None:
        resource = self._cache.get(*key)
        return resource.version if resource else None

    def _is_everywhere(self, key: PolicyKey) -> bool:
        gateways, keys = self._cache.gateways, self._resources(key)
        return not keys or (bool(gateways) and all(self._has_acknowledged(gateway, keys) for gateway in gateways))

    async def _without_warming(self, policies: Collection[PolicyKey]) -> list[PolicyKey]:
        """Return *policies* without those with a cluster that a gateway has acknowledged but doesn't use yet."""
        if not policies:
            return []
        answers = await asyncio.gather(*(gateway.warming() for gateway in self._cache.gateways))
        if None in answers:
            return []
        warming = {(CLUSTER, name) for names in answers for name in names or ()}
        return [key for key in policies if not self._resources(key) & warming and self._is_everywhere(key)]

    def _settle(self, policies: Collection[PolicyKey]) -> None:
        now = self._now()
        for key in policies:
            self._pending.discard(key)
            change = self._changes[key]
            for organization, api_id in self._parts.get(key, {}):
                self._on_enforced(organization, api_id, now)
            change.milliseconds = max(1, round((now - change.at).total_seconds() * 1000))
        if policies:
            self._cache.tell_observers()


def _policies(change: Change, *built: Mapping[ApiKey, ApiResources]) -> set[Policy]:
    if change.kind == "origin":
        return {OriginTrust(change.key)}
    api = (change.organization, change.key)
    return {policy for resources in built if api in resources for policy in resources[api].by_policy}
