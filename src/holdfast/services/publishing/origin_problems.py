"""
Backends and APIs that gateways refuse, because something that is stored for them can't be read.
"""

from holdfast.apis.enforcement import OriginTrust, Policy
from holdfast.services.publishing.snapshot import Snapshot


class OriginProblems:
    """Knows the problems of origins and APIs, as of when they were last read. Written on the event loop."""

    def __init__(self) -> None:
        self._problems: dict[tuple[str, str], str] = {}  # by organization and origin
        self._apis: dict[tuple[str, str], str] = {}  # by organization and id

    def take(self, snapshot: Snapshot) -> None:
        """Replace what is known about what *snapshot* has read, or what was changed before it."""
        origins = {(org, str(origin)) for org, trust in snapshot.trust.items() for origin in trust}
        origins |= {(change.organization, change.key) for change in snapshot.changes if change.kind == "origin"}
        problems = {key: why for key, why in self._problems.items() if key not in origins}
        for organization, unusable in snapshot.problems.items():
            problems |= {(organization, str(origin)): why for origin, why in unusable.items()}
        self._problems = problems
        apis = {
            key: next((api.problem for api in variants if api.problem), "") for key, variants in snapshot.apis.items()
        }
        earlier = {} if snapshot.is_everything else self._apis
        self._apis = {key: problem for key, problem in (earlier | apis).items() if problem}

    def list_of_organization(self, organization: str) -> dict[str, str]:
        """Return why gateways refuse the backends of origins, by origin."""
        return {origin: why for (owner, origin), why in self._problems.items() if owner == organization}

    def list_apis(self, organization: str) -> dict[str, str]:
        """Return what can't be read of APIs, by id."""
        return {api_id: problem for (owner, api_id), problem in self._apis.items() if owner == organization}

    def find(self, organization: str, policy: Policy) -> str:
        """Return why gateways refuse the backends that *policy* is about; empty if they don't."""
        return self._problems.get((organization, policy.origin), "") if isinstance(policy, OriginTrust) else ""
