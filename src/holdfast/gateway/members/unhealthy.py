"""
Members of groups that a gateway sends no requests to, as its agent reports them. Pure.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class HealthCause(StrEnum):
    """The reasons why a gateway sends no requests to a member. All but the last are about health checks."""

    STATUS = "status"  # another status than expected
    CONNECTION = "connection"  # no connection, or a reset one
    TIMEOUT = "timeout"
    CHECK = "check"  # unknown
    FAILURES = "failures"  # requests of callers failed in a row


@dataclass(frozen=True, slots=True)
class UnhealthyMember:
    """
    A member that gets no requests: the *cluster* it belongs to, its authority, and the *address* in question.

    *since* is aware (UTC), by the gateway's clock; None: before the agent could notice. *status* is that of a response
    to a health check; 0: there was none.
    """

    cluster: str
    member: str
    address: str
    cause: str  # a HealthCause, or that of a later version
    since: datetime | None = None
    status: int = 0


@dataclass(frozen=True, slots=True)
class MemberHealth:
    """All unhealthy members at a gateway; others are available there only if the list *is_complete*."""

    unhealthy: tuple[UnhealthyMember, ...] = ()
    is_complete: bool = True
