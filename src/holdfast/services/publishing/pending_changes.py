"""
The changes of policies that some gateways don't have in force yet.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

import structlog

from holdfast.apis.enforcement import OriginTrust, Policy
from holdfast.gateway.discovery.groups import Groups
from holdfast.gateway.discovery.revisions import record_revision
from holdfast.gateway.resources.apis import ApiResources
from holdfast.services.gateways.connections import ONLY_LOCAL, Connections, find_connections
from holdfast.services.gateways.elsewhere import GatewaysElsewhere
from holdfast.services.publishing.policy_change import LatestTimes, PolicyChange, PolicyKey, find_time
from holdfast.services.publishing.policy_resources import PolicyResources
from holdfast.services.publishing.published_changes import PublishedChanges
from holdfast.services.publishing.snapshot import ApiKey, Snapshot
from holdfast.services.publishing.target import LocalTarget, RemoteTarget, Target, find_targets
from holdfast.store.journal import Change

log = structlog.get_logger()
OVERDUE = 1.0  # seconds until gateways are asked why they haven't acknowledged a change, and between two such questions


class PendingChanges:
    """Knows the last change of each policy; it is pending until all gateways that use the policy have it in force."""

    def __init__(
        self,
        groups: Groups,
        elsewhere: GatewaysElsewhere,
        published_changes: PublishedChanges,
        resources: PolicyResources,
        now: Callable[[], datetime],
        forget_failures: Callable[[str, str, datetime], None],
    ) -> None:
        """
        *published_changes* and *resources* are what the gateways are sent; for *forget_failures*, see `Enforcements`.
        """
        self._groups = groups
        self._elsewhere = elsewhere
        self._published_changes = published_changes
        self._resources = resources
        self._now = now
        self._forget_failures = forget_failures
        self._changes: dict[PolicyKey, PolicyChange] = {}
        self._pending: dict[PolicyKey, PolicyChange] = {}
        self._latest = LatestTimes()
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

    def add(
        self,
        snapshot: Snapshot,
        before: Mapping[ApiKey, Sequence[ApiResources]],
        after: Mapping[ApiKey, Sequence[ApiResources]],
    ) -> None:
        """Add the changes of *snapshot*, which the distributor is about to send."""
        for api in snapshot.apis:
            if api in after and api not in before and self._published_changes.first is not None:
                self._new.add(api)
                self._forget_failures(*api, self._now())
            else:
                self._new.discard(api)
        for change in snapshot.changes:
            for policy in _find_policies(change, before, after):
                key = change.organization, policy
                due = asyncio.get_running_loop().time() + OVERDUE
                self._changes[key] = self._pending[key] = PolicyChange(change.sequence, change.at, due)

    def settle(self) -> None:
        """Record what the gateways have in force now."""
        record_revision(self._groups.gateways, self._published_changes.sequence, self._now())
        connections = find_connections(self._groups, self._elsewhere.others)
        streams = {id(gateway) for gateway in self._groups.gateways}
        candidates = [key for key, change in self._pending.items() if not change.is_blocked(streams)]
        keys = [key for key in candidates if self._is_everywhere(key, connections)]
        for key in keys:
            del self._pending[key]
            for api in self._resources.list_apis(key) - self._new:
                self._forget_failures(*api, self._now())
        if keys:
            self._new &= {api for key in self._pending for api in self._resources.list_apis(key)}
            self._groups.tell_observers()

    def list_latest(self) -> Sequence[Any]:
        """Return when the gateways of this control plane had the latest changes, as JSON values."""
        self.settle()
        return self._latest.list_values()

    def list_origins(self, organization: str) -> set[str]:
        """Return the origins of an organization whose last change is pending."""
        pending = list(self._pending)  # a copy, because the event loop changes it
        return {policy.origin for owner, policy in pending if owner == organization and isinstance(policy, OriginTrust)}

    def is_pending(self, key: PolicyKey) -> bool:
        """Return whether the last change of a policy is pending."""
        return key in self._pending

    def get(self, key: PolicyKey) -> PolicyChange | None:
        """Return the last change of a policy; None if it wasn't changed since the start."""
        return self._changes.get(key)

    def find_targets(self, key: PolicyKey, connections: Connections) -> Iterator[Target]:
        """Yield the connected gateways of the groups in which a policy is used, each with the resources it needs."""
        change = self._changes.get(key)
        revision = change.sequence if change else self._published_changes.first or 0
        return find_targets(self._groups, self._resources.find_by_group(key), revision, connections)

    def _is_everywhere(self, key: PolicyKey, connections: Connections) -> bool:
        """Return whether the pending change of a policy is enforced, and record when it was."""
        now, change = self._now(), self._pending[key]
        if not self._resources.find_by_group(key):
            return True
        targets = list(self.find_targets(key, connections))
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
            for target in self.find_targets(key, ONLY_LOCAL):
                if isinstance(target, LocalTarget) and target.is_late:
                    late[id(target.gateway)].append(target)
        for targets in late.values():
            gateway = targets[0].gateway
            warming = await gateway.warming()
            log.warning(
                "gateway is late to apply changes",
                gateway=gateway.id,
                changes=len(targets),
                warming=None if warming is None else sorted(warming),
            )


def _find_policies(change: Change, *resources: Mapping[ApiKey, Sequence[ApiResources]]) -> set[Policy]:
    if change.kind == "origin":
        return {OriginTrust(change.key)}
    api = (change.organization, change.key)
    return {policy for by_api in resources for variant in by_api.get(api, ()) for policy in variant.by_policy}
