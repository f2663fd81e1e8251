"""
Whether the last change of a policy is in force: only once every gateway that is connected to any control plane has it.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog

from holdfast.apis.catalog.api import Api
from holdfast.apis.catalog.endpoint import ENVIRONMENTS
from holdfast.apis.enforcement import Enforcement, OriginTrust, Policy, Progress
from holdfast.gateway.discovery.cache import ResourceKey
from holdfast.gateway.discovery.groups import Groups
from holdfast.gateway.discovery.revisions import record_revision
from holdfast.gateway.resources.apis import ApiResources
from holdfast.gateway.resources.resource import CLUSTER, ROUTES
from holdfast.gateway.resources.routes import scope_name, scope_of, target_name
from holdfast.services.access.context import Context
from holdfast.services.gateways.connections import ONLY_LOCAL, Connections, find_connections
from holdfast.services.gateways.elsewhere import Elsewhere
from holdfast.services.publishing.origin_problems import OriginProblems
from holdfast.services.publishing.policy_change import LatestTimes, PolicyChange, PolicyKey, find_time
from holdfast.services.publishing.policy_resources import PolicyResources
from holdfast.services.publishing.published_changes import PublishedChanges
from holdfast.services.publishing.snapshot import ApiKey, Snapshot
from holdfast.services.publishing.tally import describe_early, tally_gateways
from holdfast.services.publishing.target import LocalTarget, RemoteTarget, Target
from holdfast.store import journal
from holdfast.store.gateways import gateways
from holdfast.store.journal import Change

log = structlog.get_logger()
OVERDUE = 1.0  # seconds until gateways are asked why they haven't acknowledged a change, and between two such questions


@dataclass(frozen=True, slots=True)
class _Stored:
    """The database: whether it has unsent changes, who joined (names and groups), and which connections count."""

    behind: bool
    joined: Sequence[tuple[str, str]]
    connections: Connections


class Enforcements:
    """Knows, for each policy, which resources enforce it, and which gateways have applied them."""

    def __init__(
        self,
        groups: Groups,
        now: Callable[[], datetime],
        forget_failures: Callable[[str, str, datetime], None] = lambda *_: None,
        elsewhere: Elsewhere | None = None,
    ) -> None:
        """
        *forget_failures* is called with organization and id of an API, and the time, when a change of it is enforced:
        what failed before may be over. It is called before gateways are sent an API that they didn't serve.

        *elsewhere* knows the gateways of other control planes.
        """
        self._groups = groups
        self._elsewhere = elsewhere or Elsewhere()
        self._now = now
        self._forget_failures = forget_failures
        self._published = PublishedChanges()
        self._resources = PolicyResources()
        self._changes: dict[PolicyKey, PolicyChange] = {}
        self._pending: dict[PolicyKey, PolicyChange] = {}
        self._latest = LatestTimes()
        self._unverified: set[PolicyKey] = set()
        self.problems = OriginProblems()
        self._new: set[ApiKey] = set()  # without a change since gateways were first sent them, which may be pending

    async def follow(self) -> None:
        """Follow the gateways' acknowledgements, until cancelled."""
        observer = self._groups.observe()
        next_look = 0.0
        try:
            while True:
                observer.clear()
                self.settle()
                overdue = min((change.due for change in self._pending.values() if change.due is not None), default=None)
                with suppress(TimeoutError):
                    async with asyncio.timeout_at(None if overdue is None else max(overdue, next_look)):
                        await observer.wait()
                        continue
                await self._report_overdue()
                next_look = asyncio.get_running_loop().time() + OVERDUE
        finally:
            self._groups.stop_observing(observer)

    def take_resources(
        self,
        snapshot: Snapshot,
        before: Mapping[ApiKey, Sequence[ApiResources]],
        after: Mapping[ApiKey, Sequence[ApiResources]],
    ) -> None:
        """Record the resources of the APIs in *snapshot*, which the distributor is about to send."""
        self._resources.replace(snapshot.apis, before, after)
        for organization, sets in snapshot.trust.items():
            policies = {(organization, OriginTrust(str(origin))): trust for origin, trust in sets.items()}
            unverified = {key for key, trust in policies.items() if trust.unverified_until is not None}
            self._unverified = (self._unverified - policies.keys()) | unverified
        self.problems.take(snapshot)
        for api in snapshot.apis:
            if api in after and api not in before and self._published.first is not None:
                self._new.add(api)
                self._forget_failures(*api, self._now())
            else:
                self._new.discard(api)
        for change in snapshot.changes:
            for policy in _policies(change, before, after):
                key = change.organization, policy
                due = asyncio.get_running_loop().time() + OVERDUE
                self._changes[key] = self._pending[key] = PolicyChange(change.sequence, change.at, due)
        self._published.take(snapshot)

    def settle(self) -> None:
        """Record what the gateways have in force now."""
        record_revision(self._groups.gateways, self.revision, self._now())
        connections = find_connections(self._groups, self._elsewhere.known)
        streams = {id(gateway) for gateway in self._groups.gateways}
        unblocked = [key for key, change in self._pending.items() if not change.is_blocked(streams)]
        enforced = [key for key in unblocked if self._is_everywhere(key, connections)]
        for key in enforced:
            del self._pending[key]
            for api in self._resources.apis(key) - self._new:
                self._forget_failures(*api, self._now())
        if enforced:
            self._new &= {api for key in self._pending for api in self._resources.apis(key)}
            self._groups.tell_observers()

    def latest(self) -> Sequence[Any]:
        """Return when the gateways of this control plane had the latest changes, as JSON values."""
        self.settle()
        return self._latest.values()

    @property
    def revision(self) -> int:
        """The revision of the configuration that was last sent to the gateways."""
        return self._published.sequence

    def pending_origins(self, organization: str) -> set[str]:
        """Return the origins of an organization whose last change isn't in force at every connected gateway."""
        pending = list(self._pending)  # a copy, because the event loop changes it
        return {policy.origin for owner, policy in pending if owner == organization and isinstance(policy, OriginTrust)}

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
        by_group = dict.fromkeys(caches, keys)
        every = list(self._find_targets(by_group, self.revision, stored.connections))
        targets = [target for target in every if target.is_concerned] or every
        groups = {name for name, cache in caches.items() if any(cache.get(*key) for key in keys)} or caches.keys()
        return self._describe(targets, self._find_absent(stored, groups), behind=stored.behind)

    def of_deployment(self, context: Context, api: Api, group: str) -> Enforcement:
        """Return whether the gateways of *group* serve *api*, as it is deployed there."""
        stored, cache = self._read(context), self._groups.caches.get(group)
        clusters = [(CLUSTER, target_name(api, environment)) for environment in ENVIRONMENTS]
        keys = [key for key in clusters if cache and cache.get(*key)]
        if not keys:
            return Enforcement(Progress.WAITING if stored.behind else Progress.NOT_SERVED)
        keys += [(ROUTES, scope_name(environment, scope_of(api))) for environment in ENVIRONMENTS]
        targets = list(self._find_targets({group: keys}, self.revision, stored.connections))
        return self._describe(targets, self._find_absent(stored, {group}), behind=stored.behind)

    def _describe(self, targets: Sequence[Target], absent: tuple[str, ...], *, behind: bool) -> Enforcement:
        """Return whether all of *targets* follow this control plane."""
        tally = tally_gateways(targets, lambda target: target.follows)
        if early := describe_early(targets, tally, absent):
            return early
        if not behind and not tally.waiting_for:
            return Enforcement(Progress.ENFORCED, tally.gateways, tally.gateways, disconnected=absent)
        return tally.describe_waiting(absent, behind=behind)

    def _read(self, context: Context) -> _Stored:
        with context.read() as session:
            others = self._elsewhere.read(session)
            last, joined = journal.get_latest_change(session), gateways.list_joined(session)
        behind = not self._published.have(last)
        return _Stored(behind, joined, find_connections(self._groups, others))

    def _find_absent(self, stored: _Stored, groups: Collection[str]) -> tuple[str, ...]:
        """Return the names of the gateways of *groups* that have joined and aren't connected."""
        connected = stored.connections.names(self._groups) if stored.joined else set()
        return tuple(name for name, group in stored.joined if group in groups and name not in connected)

    def _of(self, key: PolicyKey, stored: _Stored) -> Enforcement:
        if (problem := self.problems.of_policy(*key)) and not stored.behind:
            return Enforcement(Progress.UNUSABLE, reason=problem)
        if not self._resources.by_group(key):
            connected = len(stored.connections.names(self._groups))
            progress = Progress.WAITING if connected else Progress.NO_GATEWAY
            return Enforcement(progress, connected) if stored.behind else Enforcement(Progress.NOT_SERVED)
        targets, change = list(self._targets(key, stored.connections)), self._changes.get(key)
        absent = self._find_absent(stored, self._resources.by_group(key))
        tally = tally_gateways(targets, lambda target: target.has_all)
        if early := describe_early(targets, tally, absent):
            return early
        if stored.behind or key in self._pending or tally.waiting_for:
            return tally.describe_waiting(absent, behind=stored.behind)
        progress = Progress.UNVERIFIED if key in self._unverified else Progress.ENFORCED
        milliseconds = change.milliseconds if change else None
        return Enforcement(progress, tally.gateways, tally.gateways, milliseconds, disconnected=absent)

    def _targets(self, key: PolicyKey, connections: Connections) -> Iterator[Target]:
        """Yield the connected gateways of the groups in which a policy is used, each with the resources it needs."""
        change = self._changes.get(key)
        revision = change.sequence if change else self._published.first or 0
        return self._find_targets(self._resources.by_group(key), revision, connections)

    def _find_targets(
        self, by_group: Mapping[str, Collection[ResourceKey]], revision: int, connections: Connections
    ) -> Iterator[Target]:
        """Yield the gateways of some groups, own ones first; *revision* is the last change of their resources."""
        caches = [
            (group, self._groups.caches[group], keys)
            for group, keys in by_group.items()
            if group in self._groups.caches
        ]
        for _, cache, keys in caches:
            for gateway in connections.among(cache.gateways):
                yield LocalTarget(gateway, cache, keys)
        for group, cache, keys in caches:
            for connection in connections.elsewhere.get(group, ()):
                yield RemoteTarget(connection, cache, keys, revision)

    def _is_everywhere(self, key: PolicyKey, connections: Connections) -> bool:
        """Return whether the pending change of a policy is enforced, and record when it was."""
        now, change = self._now(), self._pending[key]
        if not self._resources.by_group(key):
            return True
        targets = list(self._targets(key, connections))
        here = [target for target in targets if isinstance(target, LocalTarget)]
        there = [target for target in targets if isinstance(target, RemoteTarget)]
        # The last one, because gateways are sent changes, and acknowledge them, in about this order.
        change.blocker = next((target for target in reversed(here) if not target.has_all), None)
        if change.blocker:
            return False
        if here and change.here_at is None:
            change.here_at = now
            self._latest.add(key, change)
        if not targets or not all(target.has_all for target in there):
            return False
        planes = {target.connection.control_plane.id: target.connection.control_plane for target in there}
        times = [find_time(plane, key, change.sequence) or now for plane in planes.values()]
        last = max([*times, change.here_at] if change.here_at and here else times)
        change.milliseconds = max(1, round((last - change.at).total_seconds() * 1000))
        return True

    async def _report_overdue(self) -> None:
        """Log which clusters are warming at the gateways that haven't acknowledged the overdue changes, once each."""
        now = asyncio.get_running_loop().time()
        overdue = [key for key, change in self._pending.items() if change.due is not None and change.due <= now]
        for key in overdue:
            self._pending[key].due = None
        late: dict[int, list[LocalTarget]] = defaultdict(list)
        for key in overdue:
            for target in self._targets(key, ONLY_LOCAL):
                if isinstance(target, LocalTarget) and target.is_late:
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


def _policies(change: Change, *built: Mapping[ApiKey, Sequence[ApiResources]]) -> set[Policy]:
    if change.kind == "origin":
        return {OriginTrust(change.key)}
    api = (change.organization, change.key)
    return {
        policy for resources in built for api_resources in resources.get(api, ()) for policy in api_resources.by_policy
    }
