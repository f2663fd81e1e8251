"""
Whether the last change of a policy is in force: only once every connected gateway has confirmed it.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

import structlog

from holdfast.apis.catalog.endpoint import ENVIRONMENTS
from holdfast.apis.enforcement import Enforcement, OriginTrust, Policy, Progress
from holdfast.gateway.discovery.groups import Groups
from holdfast.gateway.discovery.revisions import record_revision
from holdfast.gateway.resources.apis import ApiResources
from holdfast.gateway.resources.resource import ROUTES
from holdfast.gateway.resources.routes import scope_name
from holdfast.services.access.context import Context
from holdfast.services.publishing.snapshot import ApiKey, Snapshot
from holdfast.services.publishing.target import Target
from holdfast.store import journal
from holdfast.store.gateways import gateways
from holdfast.store.journal import Change

log = structlog.get_logger()
PolicyKey = tuple[str, Policy]  # organization, policy
OVERDUE = 1.0  # seconds until gateways are asked why they haven't acknowledged a change, and between two such questions


@dataclass(slots=True)
class _Change:
    """The last change of a policy; *milliseconds* until it was enforced, None while it is pending."""

    at: datetime
    milliseconds: int | None = None


@dataclass(frozen=True, slots=True)
class _Stored:
    """Whether the database has changes that weren't sent yet, and the gateways that have joined: names and groups."""

    behind: bool
    joined: Sequence[tuple[str, str]]


class Enforcements:
    """Knows, for each policy, which resources enforce it, and which gateways have applied them."""

    def __init__(
        self,
        groups: Groups,
        now: Callable[[], datetime],
        on_enforced: Callable[[str, str, datetime], None] = lambda *_: None,
    ) -> None:
        """*on_enforced* is called with organization and id of an API, and the time, when a change of it is enforced."""
        self._groups = groups
        self._now = now
        self._on_enforced = on_enforced
        self._sequence = 0
        self._parts: dict[PolicyKey, dict[ApiKey, ApiResources]] = {}
        self._changes: dict[PolicyKey, _Change] = {}
        self._pending: dict[PolicyKey, float | None] = {}  # when it is overdue (time of the loop); None: reported
        self._unverified: set[PolicyKey] = set()

    async def follow(self) -> None:
        """Follow the gateways' acknowledgements, until cancelled."""
        observer = self._groups.observe()
        next_look = 0.0
        try:
            while True:
                observer.clear()
                record_revision(self._groups.gateways, self._sequence, self._now())
                self._settle([key for key in self._pending if self._is_everywhere(key)])
                overdue = min((due for due in self._pending.values() if due is not None), default=None)
                with suppress(TimeoutError):
                    async with asyncio.timeout_at(None if overdue is None else max(overdue, next_look)):
                        await observer.wait()
                        continue
                await self._report_overdue()
                next_look = asyncio.get_running_loop().time() + OVERDUE
        finally:
            self._groups.stop_observing(observer)

    def take_resources(
        self, snapshot: Snapshot, before: Mapping[ApiKey, ApiResources], after: Mapping[ApiKey, ApiResources]
    ) -> None:
        """Record the resources of the APIs in *snapshot*, which the distributor is about to send."""
        # Threads read these mappings, so each is replaced as a whole, once, however many APIs share the policy.
        parts: dict[PolicyKey, dict[ApiKey, ApiResources]] = {}
        for api in snapshot.apis:
            for built in (before, after):
                for policy in built[api].by_policy if api in built else ():
                    key = api[0], policy
                    own = parts[key] if key in parts else parts.setdefault(key, dict(self._parts.get(key, {})))
                    own.pop(api, None)
                    if built is after:
                        own[api] = after[api]
        for key, own in parts.items():
            if own:
                self._parts[key] = own
            else:
                self._parts.pop(key, None)
        for organization, sets in snapshot.trust.items():
            policies = {(organization, OriginTrust(str(origin))): trust for origin, trust in sets.items()}
            unverified = {key for key, trust in policies.items() if trust.unverified_until is not None}
            self._unverified = (self._unverified - policies.keys()) | unverified
        for change in snapshot.changes:
            for policy in _policies(change, before, after):
                self._changes[change.organization, policy] = _Change(change.at)
                self._pending[change.organization, policy] = asyncio.get_running_loop().time() + OVERDUE
        self._sequence = snapshot.sequence

    @property
    def revision(self) -> int:
        """The revision of the configuration that was last sent to the gateways."""
        return self._sequence

    def of_origins(self, context: Context, origins: Collection[str]) -> dict[str, Enforcement]:
        """Return by origin whether its trust, as it is in the database, is in force at every connected gateway."""
        stored, organization = self._read(context), context.user.organization
        return {origin: self._of((organization, OriginTrust(origin)), stored) for origin in origins}

    def of(self, context: Context, policy: Policy) -> Enforcement:
        """Return whether *policy*, as it is in the database, is in force at every connected gateway."""
        return self._of((context.user.organization, policy), self._read(context))

    def of_path(self, context: Context, path: str) -> Enforcement:
        """
        Return whether the gateways have the current routes below *path*, or none if there are none.

        Gateways of groups without such routes count until they have none; if nobody has any, all gateways count.
        """
        stored, caches = self._read(context), self._groups.caches
        keys = [(ROUTES, scope_name(environment, path.split("/")[1])) for environment in ENVIRONMENTS]
        every = [Target(gateway, cache, keys) for cache in caches.values() for gateway in cache.gateways]
        targets = [target for target in every if target.is_concerned] or every
        following = [target for target in targets if not stored.behind and target.follows]
        groups = {name for name, cache in caches.items() if any(cache.get(*key) for key in keys)} or caches.keys()
        absent = self._find_absent(stored, groups)
        if not targets:
            return Enforcement(Progress.NO_GATEWAY, disconnected=absent)
        if refusal := _describe_refusal(targets, len(following), absent):
            return refusal
        if len(following) == len(targets):
            return Enforcement(Progress.ENFORCED, len(targets), len(targets), disconnected=absent)
        awaited = () if stored.behind else tuple(target.gateway.id for target in targets if not target.follows)
        return Enforcement(Progress.WAITING, len(targets), len(following), waiting_for=awaited, disconnected=absent)

    def _read(self, context: Context) -> _Stored:
        with context.read() as session:
            return _Stored(journal.last_change(session) > self._sequence, gateways.joined(session))

    def _find_absent(self, stored: _Stored, groups: Collection[str]) -> tuple[str, ...]:
        """Return the names of the gateways of *groups* that have joined and aren't connected."""
        connected = {gateway.id for gateway in self._groups.gateways} if stored.joined else set()
        return tuple(name for name, group in stored.joined if group in groups and name not in connected)

    def _of(self, key: PolicyKey, stored: _Stored) -> Enforcement:
        if not self._is_used(key):
            connected = len(self._groups.gateways)
            progress = Progress.WAITING if connected else Progress.NO_GATEWAY
            return Enforcement(progress, connected) if stored.behind else Enforcement(Progress.NOT_SERVED)
        targets, change = list(self._targets(key)), self._changes.get(key)
        has = [target for target in targets if target.has_all]
        groups = frozenset().union(*(part.groups for part in self._parts[key].values()))
        absent = self._find_absent(stored, groups)
        if not targets:
            return Enforcement(Progress.NO_GATEWAY, disconnected=absent)
        if refusal := _describe_refusal(targets, len(has), absent):
            return refusal
        if stored.behind or key in self._pending or len(has) < len(targets):
            awaited = () if stored.behind else tuple(target.gateway.id for target in targets if not target.has_all)
            number = 0 if stored.behind else len(has)
            return Enforcement(Progress.WAITING, len(targets), number, waiting_for=awaited, disconnected=absent)
        progress = Progress.UNVERIFIED if key in self._unverified else Progress.ENFORCED
        milliseconds = change.milliseconds if change else None
        return Enforcement(progress, len(targets), len(has), milliseconds, disconnected=absent)

    def _is_used(self, key: PolicyKey) -> bool:
        return any(resources.groups for resources in self._parts.get(key, {}).values())

    def _targets(self, key: PolicyKey) -> Iterator[Target]:
        """Yield the connected gateways of the groups in which a policy is used, each with the resources it needs."""
        parts = self._parts.get(key, {}).values()
        for group, cache in self._groups.caches.items():
            used = [part.by_policy[key[1]] for part in parts if group in part.groups] if cache.gateways else []
            if used:
                keys = frozenset().union(*used)
                for gateway in cache.gateways:
                    yield Target(gateway, cache, keys)

    def _is_everywhere(self, key: PolicyKey) -> bool:
        if not self._is_used(key):
            return True
        first = next(targets := self._targets(key), None)
        return first is not None and first.has_all and all(target.has_all for target in targets)

    async def _report_overdue(self) -> None:
        """Log which clusters are warming at the gateways that haven't acknowledged the overdue changes, once each."""
        now = asyncio.get_running_loop().time()
        overdue = [key for key, due in self._pending.items() if due is not None and due <= now]
        self._pending.update(dict.fromkeys(overdue))
        late: dict[int, list[Target]] = defaultdict(list)
        for key in overdue:
            for target in self._targets(key):
                if target.is_late:
                    late[id(target.gateway)].append(target)
        for changes in late.values():
            gateway = changes[0].gateway
            warming = await gateway.warming()
            log.warning(
                "gateway is late to apply changes",
                gateway=gateway.id,
                changes=len(changes),
                warming=None if warming is None else sorted(warming),
            )

    def _settle(self, policies: Collection[PolicyKey]) -> None:
        now = self._now()
        for key in policies:
            del self._pending[key]
            change = self._changes[key]
            for organization, api_id in self._parts.get(key, {}):
                self._on_enforced(organization, api_id, now)
            change.milliseconds = max(1, round((now - change.at).total_seconds() * 1000))
        if policies:
            self._groups.tell_observers()


def _describe_refusal(targets: Sequence[Target], has: int, absent: tuple[str, ...]) -> Enforcement | None:
    refusals = {target.gateway.id: reason for target in targets if (reason := target.rejection)}
    if not refusals:
        return None
    reason = next(iter(refusals.values()))
    return Enforcement(
        Progress.REFUSED, len(targets), has, reason=reason, waiting_for=tuple(refusals), disconnected=absent
    )


def _policies(change: Change, *built: Mapping[ApiKey, ApiResources]) -> set[Policy]:
    if change.kind == "origin":
        return {OriginTrust(change.key)}
    api = (change.organization, change.key)
    return {policy for resources in built if api in resources for policy in resources[api].by_policy}
