"""
Which revision of the configuration each gateway has in force.
"""

from collections.abc import Iterable
from datetime import datetime

from holdfast.gateway.discovery.cache import AppliedRevision, Gateway


def record_revision(gateways: Iterable[Gateway], revision: int, now: datetime) -> None:
    """
    Record which of *gateways* have all of *revision*, the newest one, in force, and that the others are behind.

    Costs the same however many resources there are.
    """
    for gateway in gateways:
        if not gateway.started or gateway.behind or gateway.rejected:
            gateway.behind_since = gateway.behind_since or now
            continue
        gateway.behind_since = None
        if gateway.applied is None or gateway.applied.revision != revision:
            gateway.applied = AppliedRevision(revision, now)
