"""
Why gateways refuse the backends of an origin: a certificate, trust settings or gateway identity can't be read.
"""

from holdfast.apis.enforcement import OriginTrust, Policy
from holdfast.services.publishing.snapshot import Snapshot


class OriginProblems:
    """Knows the problems of origins, as of the last time that they were read. Written on the event loop."""

    def __init__(self) -> None:
        self._problems: dict[tuple[str, str], str] = {}  # by organization and origin

    def take(self, snapshot: Snapshot) -> None:
        """Replace what is known about the origins that *snapshot* has read, or that were changed before it."""
        origins = {(org, str(origin)) for org, trust in snapshot.trust.items() for origin in trust}
        origins |= {(change.organization, change.key) for change in snapshot.changes if change.kind == "origin"}
        problems = {key: why for key, why in self._problems.items() if key not in origins}
        for organization, unusable in snapshot.problems.items():
            problems |= {(organization, str(origin)): why for origin, why in unusable.items()}
        self._problems = problems

    def list_of_organization(self, organization: str) -> dict[str, str]:
        """Return why gateways refuse the backends of origins, by origin."""
        return {origin: why for (owner, origin), why in self._problems.items() if owner == organization}

    def find(self, organization: str, policy: Policy) -> str:
        """Return why gateways refuse the backends that *policy* is about; empty if they don't."""
        return self._problems.get((organization, policy.origin), "") if isinstance(policy, OriginTrust) else ""
