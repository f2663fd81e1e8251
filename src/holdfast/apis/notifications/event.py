"""
Conditions that people are notified of, and the notifications about them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any


class EventKind(StrEnum):
    """The subject of a notification. The values are stored and sent, so they must not change."""

    CERTIFICATE_EXPIRY = "certificate_expiry"
    IDENTITY_EXPIRY = "client_certificate_expiry"
    CALLER_EXPIRY = "caller_certificate_expiry"
    SERVER_EXPIRY = "server_certificate_expiry"
    PRESENTED_CERTIFICATE = "presented_certificate"
    BACKEND_FAILURE = "backend_failure"
    TRUST_EXCEPTION = "trust_exception"
    GATEWAY_CONNECTION = "gateway_connection"
    TEST = "test"


# Those that channels can choose from, and that can be silenced.
KINDS = tuple(kind for kind in EventKind if kind is not EventKind.TEST)


class EventSeverity(StrEnum):
    """The urgency of a notification, in the words of PagerDuty, the most urgent first."""

    CRITICAL = "critical"
    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


class Phase(StrEnum):
    """Whether a condition began, changed (such as a later threshold or another cause), or ended."""

    BEGAN = "began"
    CHANGED = "changed"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Wording:
    """The texts of a notification: a title, what happened, and what to do; *path* is the page about it."""

    title: str
    text: str
    action: str
    path: str


@dataclass(frozen=True, slots=True)
class Condition:
    """
    Something that is so now and that people are notified of.

    *key* identifies it in its organization; another *level* (a threshold, a cause) is worth another notification.
    *about* are the objects concerned, such as `api:ID`, `certificate:ALIAS` or `gateway:NAME`. *end* is what is said
    when it ends; None: only channels with incidents are notified.
    """

    key: str
    kind: EventKind
    level: str
    severity: EventSeverity
    wording: Wording
    about: tuple[str, ...] = ()
    end: Wording | None = None


@dataclass(frozen=True, slots=True)
class Notification:
    """
    A notification about a condition. Those that are *quiet* are only for channels with incidents, which must end.

    *number* is 0 until it is stored.
    """

    organization: str
    at: datetime  # aware, UTC
    key: str
    kind: EventKind
    phase: Phase
    severity: EventSeverity
    wording: Wording
    about: tuple[str, ...] = ()
    quiet: bool = False
    number: int = 0

    @property
    def type(self) -> str:
        """Kind and phase, such as `backend_failure.began`."""
        return f"{self.kind.value}.{self.phase.value}"


@dataclass(frozen=True, slots=True)
class Damping:
    """
    The time that a condition must last before people are notified, and be over before they are notified of its end.

    The second time doubles with each episode within a day, up to LONGEST_HOLD, so that flapping doesn't flood anyone.
    """

    begins_after: timedelta = timedelta()
    ends_after: timedelta = timedelta()

    def compute_hold(self, episodes: int) -> timedelta:
        """Return how long the condition must be over, or unchanged, in its *episodes*-th episode."""
        return min(self.ends_after * (1 << min(max(episodes - 1, 0), 16)), LONGEST_HOLD)


LONGEST_HOLD = timedelta(hours=4)
CALM_AFTER = timedelta(days=1)  # after which earlier episodes don't count
DAMPING: Mapping[EventKind, Damping] = {
    # The backend is examined meanwhile, which may find another cause.
    EventKind.BACKEND_FAILURE: Damping(begins_after=timedelta(seconds=5), ends_after=timedelta(minutes=15)),
    EventKind.GATEWAY_CONNECTION: Damping(begins_after=timedelta(minutes=2), ends_after=timedelta(minutes=1)),
}


@dataclass(frozen=True, slots=True)
class Course:
    """The stored course of a condition: since when, the level that was sent, and how often it has come back."""

    condition: Condition
    first_seen_at: datetime
    began_at: datetime | None = None  # when people were notified; None: not yet
    notified_at: datetime | None = None  # when they were last notified
    gone_since: datetime | None = None  # None: it still is so
    ended_at: datetime | None = None
    episodes: int = field(default=0)


def write_body(condition: Condition) -> dict[str, Any]:
    """Return the JSON members of a condition, without its key and level."""
    return {
        "kind": condition.kind.value,
        "severity": condition.severity.value,
        "about": list(condition.about),
        "wording": _write_wording(condition.wording),
        "end": _write_wording(condition.end) if condition.end else None,
    }


def read_condition(key: str, level: str, body: Mapping[str, Any]) -> Condition:
    """Return the condition with these members."""
    return Condition(
        key,
        EventKind(body["kind"]),
        level,
        EventSeverity(body["severity"]),
        Wording(**body["wording"]),
        tuple(body["about"]),
        Wording(**body["end"]) if body["end"] else None,
    )


def _write_wording(wording: Wording) -> dict[str, str]:
    return {"title": wording.title, "text": wording.text, "action": wording.action, "path": wording.path}
