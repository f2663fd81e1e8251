"""
The resources that enforce each policy, by the groups of gateways that serve its APIs.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence, Set

from holdfast.gateway.discovery.cache import ResourceKey
from holdfast.gateway.resources.apis import ApiResources
from holdfast.services.publishing.policy_change import PolicyKey
from holdfast.services.publishing.snapshot import ApiKey

_Parts = dict[ApiKey, Sequence[ApiResources]]
_ByGroup = Mapping[str, frozenset[ResourceKey]]


class PolicyResources:
    """
    Knows the APIs that share each policy, and the resources that enforce it. Threads may read it.

    Each mapping is replaced as a whole, once for a change, however many APIs share the policy.
    """

    def __init__(self) -> None:
        self._parts: dict[PolicyKey, _Parts] = {}
        self._by_group: dict[PolicyKey, tuple[_Parts, _ByGroup]] = {}  # computed when needed, from these parts

    def replace(
        self,
        apis: Iterable[ApiKey],
        before: Mapping[ApiKey, Sequence[ApiResources]],
        after: Mapping[ApiKey, Sequence[ApiResources]],
    ) -> None:
        """Replace the resources of *apis*."""
        parts: dict[PolicyKey, _Parts] = {}
        for api in apis:
            old, new = before.get(api, ()), after.get(api, ())
            for policy in {policy for api_resources in (*old, *new) for policy in api_resources.by_policy}:
                key = api[0], policy
                own = parts[key] if key in parts else parts.setdefault(key, dict(self._parts.get(key, {})))
                own.pop(api, None)
                if using := [api_resources for api_resources in new if policy in api_resources.by_policy]:
                    own[api] = using
        for key, own in parts.items():
            if own:
                self._parts[key] = own
            else:
                self._parts.pop(key, None)
                self._by_group.pop(key, None)

    def list_apis(self, key: PolicyKey) -> Set[ApiKey]:
        """Return the APIs with a policy."""
        return self._parts.get(key, {}).keys()

    def find_by_group(self, key: PolicyKey) -> _ByGroup:
        """Return the resources that enforce a policy in each group where it is used; empty if it isn't used."""
        parts = self._parts.get(key)
        if parts is None:
            return {}
        entry = self._by_group.get(key)
        if entry is None or entry[0] is not parts:
            entry = self._by_group[key] = parts, _collect(key, parts.values())
        return entry[1]


def _collect(key: PolicyKey, parts: Collection[Sequence[ApiResources]]) -> _ByGroup:
    all_parts = [part for variants in parts for part in variants]
    groups = frozenset().union(*(part.groups for part in all_parts))
    return {
        group: frozenset().union(*(part.by_policy[key[1]] for part in all_parts if group in part.groups))
        for group in groups
    }
