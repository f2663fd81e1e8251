"""
Whether the last change of a policy is in force: only once every connected gateway has confirmed it.
"""

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

import structlog

from holdfast.apis.catalog.endpoint import ENVIRONMENTS
from holdfast.apis.enforcement import Enforcement, OriginTrust, Policy, Progress
from holdfast.gateway.discovery.cache import Cache, Gateway, ResourceKey
from holdfast.gateway.resources.apis import ApiResources
from holdfast.gateway.resources.resource import ROUTES
from holdfast.gateway.resources.routes import scope_name
from holdfast.services.access.context import Context
from holdfast.services.publishing.snapshot import ApiKey, Snapshot
from holdfast.store import journal
from holdfast.store.journal import Change

log = structlog.get_logger()
PolicyKey = tuple[str, Policy]  # organization, policy
OVERDUE = 1.0  # seconds until gateways are asked why they haven't acknowledged a change, and between two such questions


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
        self._pending: dict[PolicyKey, float | None] = {}  # when it is overdue (time of the loop); None: reported
        self._unverified: set[PolicyKey] = set()

    async def follow(self) -> None:
        """Follow the gateways' acknowledgements, until cancelled."""
        observer = self._cache.observe()
        next_look = 0.0
        try:
            while True:
                observer.clear()
                self._settle([key for key in self._pending if self._is_everywhere(key)])
                overdue = min((due for due in self._pending.values() if due is not None), default=None)
                with suppress(TimeoutError):
                    async with asyncio.timeout_at(None if overdue is None else max(overdue, next_look)):
                        await observer.wait()
                        continue
                await self._report_overdue()
                next_look = asyncio.get_running_loop().time() + OVERDUE
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
                self._pending[change.organization, policy] = asyncio.get_running_loop().time() + OVERDUE
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
        has_all = all((version := self._version(key)) and gateway.has(key, version) for key in keys)
        return gateway.started and has_all

    def _read_rejection(self, gateway: Gateway, key: ResourceKey) -> str | None:
        rejection = gateway.rejected.get(key)
        return rejection.message if rejection and rejection.version == self._version(key) else None

    def _version(self, key: ResourceKey) -> str | None:
        resource = self._cache.get(*key)
        return resource.version if resource else None

    def _is_everywhere(self, key: PolicyKey) -> bool:
        gateways, keys = self._cache.gateways, self._resources(key)
        return not keys or (bool(gateways) and all(self._has_acknowledged(gateway, keys) for gateway in gateways))

    async def _report_overdue(self) -> None:
        """Log which clusters are warming at the gateways that haven't acknowledged the overdue changes, once each."""
        now = asyncio.get_running_loop().time()
        overdue = [key for key, due in self._pending.items() if due is not None and due <= now]
        self._pending.update(dict.fromkeys(overdue))
        for gateway in self._cache.gateways:
            late = [key for key in overdue if self._is_late(gateway, self._resources(key))]
            if late:
                warming = await gateway.warming()
                log.warning(
                    "gateway is late to apply changes",
                    gateway=gateway.id,
                    changes=len(late),
                    warming=None if warming is None else sorted(warming),
                )

    def _is_late(self, gateway: Gateway, keys: Collection[ResourceKey]) -> bool:
        refuses = any(self._read_rejection(gateway, key) for key in keys)
        return not refuses and not self._has_acknowledged(gateway, keys)

    def _settle(self, policies: Collection[PolicyKey]) -> None:
        now = self._now()
        for key in policies:
            del self._pending[key]
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
