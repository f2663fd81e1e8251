"""
Exceptions that turn off verification, from the audit log: so even one that was ended at once is noticed.
"""

from collections.abc import Iterable, Iterator

from holdfast.apis.notifications.event import EventKind, EventSeverity, Notification, Phase, Wording
from holdfast.store.audit import Action
from holdfast.store.journal import AuditEvent

KIND = EventKind.TRUST_EXCEPTION
ACTIONS = (Action.GRANT_EXCEPTION.value, Action.END_EXCEPTION.value)
_PATH = "/exceptions"


def describe_exceptions(events: Iterable[AuditEvent]) -> Iterator[Notification]:
    """Yield a notification for each event about an exception."""
    for event in events:
        is_grant = event.action == Action.GRANT_EXCEPTION
        yield Notification(
            event.organization,
            event.at,
            f"{KIND.value}:{event.subject}",
            KIND,
            Phase.BEGAN if is_grant else Phase.ENDED,
            EventSeverity.WARNING if is_grant else EventSeverity.INFO,
            _describe_grant(event) if is_grant else _describe_end(event),
            (f"origin:{event.subject}",),
        )


def _describe_grant(event: AuditEvent) -> Wording:
    until = str(event.details.get("until", ""))[:16].replace("T", " ")
    return Wording(
        f"Verification is off for {event.subject}",
        f"{event.user} granted an exception until {until} UTC: {event.details.get('reason', '')}",
        "Until then, anyone who can answer at this address can read and change traffic. Import the backend's "
        "certificate, then end the exception.",
        _PATH,
    )


def _describe_end(event: AuditEvent) -> Wording:
    how = "The exception expired." if event.details.get("expired") else f"{event.user} ended the exception."
    return Wording(f"Verification is on again for {event.subject}", how, "", _PATH)
