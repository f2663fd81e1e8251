"""
The progress of the last change of a policy, which is in force once every gateway of every control plane has it.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from holdfast.apis.catalog.api import Api
from holdfast.apis.catalog.endpoint import ENVIRONMENTS
from holdfast.apis.enforcement import Enforcement, OriginTrust, Policy, Progress
from holdfast.gateway.discovery.groups import Groups
from holdfast.gateway.resources.apis import ApiResources
from holdfast.gateway.resources.resource import CLUSTER, ROUTES
from holdfast.gateway.resources.routes import find_scope, list_target_clusters, name_scope
from holdfast.services.access.context import Context
from holdfast.services.gateways.connections import Connections, find_connections
from holdfast.services.gateways.elsewhere import GatewaysElsewhere
from holdfast.services.publishing.origin_problems import OriginProblems
from holdfast.services.publishing.pending_changes import PendingChanges
from holdfast.services.publishing.policy_change import PolicyKey
from holdfast.services.publishing.policy_resources import PolicyResources
from holdfast.services.publishing.published_changes import PublishedChanges
from holdfast.services.publishing.snapshot import ApiKey, Snapshot
from holdfast.services.publishing.tally import describe_early, tally_gateways
from holdfast.services.publishing.target import Target, find_targets
from holdfast.services.publishing.unused_origins import explain_unused
from holdfast.store import journal
from holdfast.store.gateways import gateways


@dataclass(frozen=True, slots=True)
class _Situation:
    """The state of the database: unsent changes, the groups of gateways that joined, and the connections that count."""

    behind: bool
    groups_by_gateway: Mapping[str, str]
    connections: Connections


class Enforcements:
    """Knows, for each policy, which resources enforce it, and which gateways have applied them."""

    def __init__(
        self,
        groups: Groups,
        now: Callable[[], datetime],
        forget_failures: Callable[[str, str, datetime], None] = lambda *_: None,
        elsewhere: GatewaysElsewhere | None = None,
    ) -> None:
        """
        *forget_failures* is called with organization and id of an API, and the time, when a change of it is enforced:
        what failed before may be over. It is called before gateways are sent an API that they didn't serve.

        *elsewhere* knows the gateways of other control planes.
        """
        self._groups = groups
        self._elsewhere = elsewhere or GatewaysElsewhere()
        self._published_changes = PublishedChanges()
        self._resources = PolicyResources()
        self._changes = PendingChanges(
            groups, self._elsewhere, self._published_changes, self._resources, now, forget_failures
        )
        self._unverified: set[PolicyKey] = set()
        self.problems = OriginProblems()

    async def follow(self) -> None:
        """Follow the gateways' acknowledgements, until cancelled."""
        await self._changes.follow()

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
            unverified_keys = {key for key, trust in policies.items() if trust.unverified_until is not None}
            self._unverified = (self._unverified - policies.keys()) | unverified_keys
        self.problems.take(snapshot)
        self._changes.add(snapshot, before, after)
        self._published_changes.take(snapshot)

    def settle(self) -> None:
        """Record what the gateways have in force now."""
        self._changes.settle()

    def list_latest(self) -> Sequence[Any]:
        """Return when the gateways of this control plane had the latest changes, as JSON values."""
        return self._changes.list_latest()

    @property
    def revision(self) -> int:
        """The revision of the configuration that was last sent to the gateways."""
        return self._published_changes.sequence

    def list_pending_origins(self, organization: str) -> set[str]:
        """Return the origins of an organization whose last change isn't in force at every connected gateway."""
        return self._changes.list_origins(organization)

    def find_by_origin(self, context: Context, origins: Collection[str]) -> dict[str, Enforcement]:
        """Return by origin whether its trust, as it is in the database, is in force at every connected gateway."""
        situation, organization = self._read(context), context.user.organization
        enforcements = {origin: self._find((organization, OriginTrust(origin)), situation) for origin in origins}
        return explain_unused(context, enforcements)

    def find(self, context: Context, policy: Policy) -> Enforcement:
        """Return whether *policy*, as it is in the database, is in force at every connected gateway."""
        if isinstance(policy, OriginTrust):
            return self.find_by_origin(context, [policy.origin])[policy.origin]
        return self._find((context.user.organization, policy), self._read(context))

    def find_of_path(self, context: Context, path: str) -> Enforcement:
        """
        Return whether the gateways have the current routes below *path*, or none if there are none.

        Gateways of groups without such routes count until they have none; if nobody has any, all gateways count.
        """
        situation, caches = self._read(context), self._groups.caches
        keys = [(ROUTES, name_scope(environment, path.split("/")[1])) for environment in ENVIRONMENTS]
        by_group = dict.fromkeys(caches, keys)
        candidates = list(find_targets(self._groups, by_group, self.revision, situation.connections))
        targets = [target for target in candidates if target.is_concerned] or candidates
        groups = {name for name, cache in caches.items() if any(cache.get(*key) for key in keys)} or caches.keys()
        return self._describe(targets, self._find_absent(situation, groups), behind=situation.behind)

    def find_of_deployment(self, context: Context, api: Api, group: str) -> Enforcement:
        """Return whether the gateways of *group* serve *api*, as it is deployed there."""
        situation, cache = self._read(context), self._groups.caches.get(group)
        names = [name for environment in ENVIRONMENTS for name in list_target_clusters(api, environment)]
        keys = [(CLUSTER, name) for name in names if cache and cache.get(CLUSTER, name)]
        if not keys:
            return Enforcement(Progress.WAITING if situation.behind else Progress.NOT_SERVED)
        keys += [(ROUTES, name_scope(environment, find_scope(api))) for environment in ENVIRONMENTS]
        targets = list(find_targets(self._groups, {group: keys}, self.revision, situation.connections))
        return self._describe(targets, self._find_absent(situation, {group}), behind=situation.behind)

    def _describe(self, targets: Sequence[Target], absent: tuple[str, ...], *, behind: bool) -> Enforcement:
        """Return whether all of *targets* follow this control plane."""
        tally = tally_gateways(targets, lambda target: target.follows)
        if early := describe_early(targets, tally, absent):
            return early
        if not behind and not tally.waiting_for:
            return Enforcement(Progress.ENFORCED, tally.gateways, tally.gateways, disconnected=absent)
        return tally.describe_waiting(absent, behind=behind)

    def _read(self, context: Context) -> _Situation:
        with context.read() as session:
            others = self._elsewhere.read(session)
            last, groups_by_gateway = journal.get_latest_change(session), dict(gateways.list_joined(session))
        behind = not self._published_changes.have(last)
        return _Situation(behind, groups_by_gateway, find_connections(self._groups, others))

    def _find_absent(self, situation: _Situation, groups: Collection[str]) -> tuple[str, ...]:
        """Return the names of the gateways of *groups* that have joined and aren't connected."""
        if not situation.groups_by_gateway:
            return ()
        connected_names = situation.connections.list_names(self._groups)
        return tuple(
            name
            for name, group in situation.groups_by_gateway.items()
            if group in groups and name not in connected_names
        )

    def _find(self, key: PolicyKey, situation: _Situation) -> Enforcement:
        if (problem := self.problems.find(*key)) and not situation.behind:
            return Enforcement(Progress.UNUSABLE, reason=problem)
        if not self._resources.find_by_group(key):
            number = len(situation.connections.list_names(self._groups))
            progress = Progress.WAITING if number else Progress.NO_GATEWAY
            return Enforcement(progress, number) if situation.behind else Enforcement(Progress.NOT_SERVED)
        targets, change = list(self._changes.find_targets(key, situation.connections)), self._changes.get(key)
        absent = self._find_absent(situation, self._resources.find_by_group(key))
        tally = tally_gateways(targets, lambda target: target.has_all)
        if early := describe_early(targets, tally, absent):
            return early
        if situation.behind or self._changes.is_pending(key) or tally.waiting_for:
            return tally.describe_waiting(absent, behind=situation.behind)
        progress = Progress.UNVERIFIED if key in self._unverified else Progress.ENFORCED
        milliseconds = change.milliseconds if change else None
        return Enforcement(progress, tally.gateways, tally.gateways, milliseconds, disconnected=absent)
