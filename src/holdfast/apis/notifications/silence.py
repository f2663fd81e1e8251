"""
Silences: no notifications about a kind of event or an object, for a reason and until a time.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from holdfast.apis.errors import InvalidField
from holdfast.apis.notifications.event import KINDS, EventKind
from holdfast.apis.text import check_visible

LONGEST_SILENCE = timedelta(days=90)
LONGEST_REASON = 500
LONGEST_OBJECT = 300
MAX_SILENCES = 200  # of an organization
OBJECTS = ("api", "certificate", "origin", "gateway", "server")  # what the names of objects begin with


@dataclass(frozen=True, slots=True)
class Silence:
    """No notifications of *kind* (None: any) about *about*, such as `gateway:eu-1` (empty: any), until *ends_at*."""

    id: str
    organization: str
    kind: EventKind | None
    about: str
    reason: str
    created_by: str
    created_at: datetime  # aware, UTC
    ends_at: datetime

    def covers(self, kind: EventKind, about: Iterable[str]) -> bool:
        """Return whether it covers an event of *kind* about these objects."""
        return self.kind in {None, kind} and (not self.about or self.about in about)


@dataclass(frozen=True, slots=True)
class SilenceDraft:
    """The values of a new silence, as typed."""

    kind: str
    about: str
    reason: str
    ends_at: datetime


def check_silence(draft: SilenceDraft, silence_id: str, organization: str, user: str, now: datetime) -> Silence:
    """Return a silence with the values of *draft*. Raises InvalidField."""
    about, reason = draft.about.strip(), check_visible(draft.reason.strip(), "reason", "The reason")
    if draft.kind and draft.kind not in KINDS:
        raise InvalidField("kind", f"There are no events of the kind {draft.kind[:80]!r}. Use {', '.join(KINDS)}.")
    if not draft.kind and not about:
        raise InvalidField("kind", "Choose a kind of event or an object. A silence can't cover everything.")
    kind, _, name = check_visible(about, "about", "The object").partition(":")
    if about and (kind not in OBJECTS or not name or len(about) > LONGEST_OBJECT):
        raise InvalidField("about", f"Use KIND:NAME, such as gateway:eu-1. KIND is {', '.join(OBJECTS)}.")
    if not reason or len(reason) > LONGEST_REASON:
        raise InvalidField("reason", f"Explain why nobody should be notified, in 1 to {LONGEST_REASON} characters.")
    if not now < draft.ends_at <= now + LONGEST_SILENCE:
        raise InvalidField("until", f"The end must be in the future, within {LONGEST_SILENCE.days} days.")
    return Silence(
        silence_id,
        organization,
        EventKind(draft.kind) if draft.kind else None,
        about,
        reason,
        user,
        now,
        draft.ends_at,
    )
