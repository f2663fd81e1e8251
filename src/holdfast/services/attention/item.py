"""
One thing that needs attention, as Home, REST and the command line show it.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Urgency(StrEnum):
    """The time within which someone should act."""

    NOW = "now"  # requests fail, or aren't protected as they should be
    SOON = "soon"  # requests will fail within 30 days unless someone acts
    LATER = "later"  # nothing fails if nobody acts


class Kind(StrEnum):
    """A kind of object that needs attention; items are shown in this order."""

    FAILING_BACKENDS = "failing-backends"
    UNUSABLE_BACKENDS = "unusable-backends"
    UNREADABLE_APIS = "unreadable-apis"
    EXPIRED_IN_USE = "expired-in-use"
    SERVER_CERTIFICATES = "server-certificates"
    REJECTING_GATEWAYS = "rejecting-gateways"
    DISCONNECTED_GATEWAYS = "disconnected-gateways"
    STOPPED_CONTROL_PLANES = "stopped-control-planes"
    LAGGING_GATEWAYS = "lagging-gateways"
    MISSING_TOKENS = "missing-tokens"
    NOT_COVERED = "not-covered"
    UNREACHABLE_BACKENDS = "unreachable-backends"
    CHANGED_CERTIFICATES = "changed-certificates"
    EXCEPTIONS = "exceptions"
    EXPIRING_IN_7_DAYS = "expiring-in-7-days"
    EXPIRING_IN_30_DAYS = "expiring-in-30-days"
    EXPIRING_IN_90_DAYS = "expiring-in-90-days"
    PREVIOUS_TO_RETIRE = "previous-to-retire"
    UNUSED_CERTIFICATES = "unused-certificates"
    UNUSED_IDENTITIES = "unused-identities"


@dataclass(frozen=True, slots=True)
class Item:
    """
    All objects of a *kind* that need attention: their number, and the most urgent one as an *example*.

    *at* (aware) is a time of the example, and *event* says which, such as "expires"; None and "" if it has none.
    *path* is the page where to act, and *action* the text of the link.
    """

    kind: Kind
    urgency: Urgency
    count: int
    sentence: str
    example: str
    path: str
    action: str
    event: str = ""
    at: datetime | None = None


def format_count(number: int, one: str, many: str) -> str:
    """Write *number* with the words for one or many, such as "1 gateway rejects" and "2 gateways reject"."""
    return f"{number:,} {one if number == 1 else many}"
