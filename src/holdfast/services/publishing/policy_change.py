"""
The last change of a policy, and when the gateways of each control plane had it in force.
"""

from collections import deque
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from holdfast.apis.enforcement import OriginTrust, Policy
from holdfast.services.gateways.elsewhere import OtherControlPlane
from holdfast.services.publishing.target import LocalTarget

PolicyKey = tuple[str, Policy]  # organization, policy
LATEST = 30  # changes whose times are written for other control planes


@dataclass(slots=True)
class PolicyChange:
    """
    The last change of a policy, by the change row *sequence*; *milliseconds* until it was enforced, None before.

    *due* is when it is overdue (time of the loop), None once that was reported. *blocker* is a gateway that didn't have
    it. *here_at* is when all gateways of this control plane had it.
    """

    sequence: int
    at: datetime
    due: float | None
    blocker: LocalTarget | None = None
    here_at: datetime | None = None
    milliseconds: int | None = None

    def is_blocked(self, streams: Collection[int]) -> bool:
        """Return whether the blocker still doesn't have it; *streams* are the identities of connected gateways."""
        return self.blocker is not None and id(self.blocker.gateway) in streams and not self.blocker.has_all


@dataclass(frozen=True, slots=True)
class LatestTimes:
    """When the gateways of this control plane had the latest changes, as JSON values for the other ones."""

    _times: deque[tuple[str, str, str, int, float]] = field(default_factory=lambda: deque(maxlen=LATEST))

    def add(self, key: PolicyKey, change: PolicyChange) -> None:
        """Add a change that all gateways of this control plane have."""
        if change.here_at:
            self._times.append((*_name_policy(key), change.sequence, change.here_at.timestamp()))

    def list_values(self) -> Sequence[Any]:
        """Return the JSON values, newest last."""
        return list(map(list, self._times))


def find_time(plane: OtherControlPlane, key: PolicyKey, sequence: int) -> datetime | None:
    """Return when the gateways of another control plane had a change (aware, UTC); None if that is unknown."""
    times = (entry[4] for entry in plane.latest_times if entry[:4] == [*_name_policy(key), sequence])
    return next((datetime.fromtimestamp(time, UTC) for time in times), None)


def _name_policy(key: PolicyKey) -> tuple[str, str, str]:
    organization, policy = key
    return (
        (organization, "origin", policy.origin)
        if isinstance(policy, OriginTrust)
        else (organization, "callers", policy.api_id)
    )
