"""
Messages: one or more notifications for one channel, and their forms for each kind of channel. Pure.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from holdfast.apis.notifications.event import EventSeverity, Notification, Phase

MAX_LISTED = 50  # notifications in one message; the others are only counted
MAX_INCIDENTS = 20  # that one message opens or ends; more become one incident
MAX_SUMMARY = 1024  # characters, of PagerDuty
MAX_SUBJECT = 200
PAGE = "/notifications"
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_FORMATTING = re.compile(r"([*~`@])|(?<!\w)_|_(?!\w)")
_WORDS = {
    EventSeverity.CRITICAL: "Critical",
    EventSeverity.ERROR: "Error",
    EventSeverity.WARNING: "Warning",
    EventSeverity.INFO: "Info",
}


@dataclass(frozen=True, slots=True)
class Message:
    """
    A message: its most urgent notifications, the oldest first, and the number of all by type, such as
    `backend_failure.began`.

    *id* stays the same when it is sent again; *url* is where users reach the pages, without a slash at the end.
    """

    id: str
    organization: str
    created_at: datetime  # aware, UTC
    notifications: Sequence[Notification]
    counts: Mapping[str, int]
    url: str

    @property
    def total(self) -> int:
        """The number of its notifications, including those that aren't listed."""
        return sum(self.counts.values())

    @property
    def title(self) -> str:
        """The title of its most urgent notification, and the number of others."""
        first = flatten(find_most_urgent(self.notifications).wording.title)
        others = self.total - 1
        return first if others <= 0 else f"{first}, and {others:,} other notification{'' if others == 1 else 's'}"

    def build_link(self, notification: Notification) -> str:
        """Return the URL of the page about *notification*."""
        return f"{self.url}{notification.wording.path}"


def find_most_urgent(notifications: Sequence[Notification]) -> Notification:
    """Return the most urgent one, the oldest if there are several."""
    return min(notifications, key=lambda notification: list(EventSeverity).index(notification.severity))


def flatten(text: str) -> str:
    """Return *text* on one line, without control characters, so that it can't add a header or a line."""
    return _CONTROL.sub(" ", text).strip()


def write_mail(message: Message) -> tuple[str, str]:
    """Return the subject and the text of a mail."""
    subject = message.title
    if len(subject) > MAX_SUBJECT:
        subject = f"{subject[: MAX_SUBJECT - 3]}..."
    parts = []
    for notification in message.notifications:
        label = "Over" if notification.phase is Phase.ENDED else _WORDS[notification.severity]
        lines = [
            f"{label}: {flatten(notification.wording.title)}",
            flatten(notification.wording.text),
            flatten(notification.wording.action),
        ]
        parts.append("\n".join([*(line for line in lines if line), message.build_link(notification)]))
    if rest := _describe_rest(message):
        parts.append(rest)
    footer = f"-- \nHoldfast, organization {flatten(message.organization)}. Channels and silences: {message.url}{PAGE}"
    return f"[Holdfast] {subject}", "\n\n".join([*parts, footer]) + "\n"


def write_webhook(message: Message) -> dict[str, Any]:
    """Return the JSON body for a webhook, as docs/reference/notifications.md describes it."""
    return {
        "id": message.id,
        "createdTime": message.created_at.isoformat(),
        "organization": message.organization,
        "title": message.title,
        "total": message.total,
        "counts": dict(message.counts),
        "events": [
            {
                "id": str(notification.number),
                "type": notification.type,
                "key": notification.key,
                "severity": notification.severity.value,
                "time": notification.at.isoformat(),
                "title": notification.wording.title,
                "text": notification.wording.text,
                "action": notification.wording.action,
                "url": message.build_link(notification),
                "about": list(notification.about),
            }
            for notification in message.notifications
        ],
    }


def write_slack(message: Message) -> dict[str, Any]:
    """Return the JSON body for a Slack-compatible webhook: text in mrkdwn, in which nothing but links has a meaning."""
    lines = []
    for notification in message.notifications:
        label = "Over" if notification.phase is Phase.ENDED else _WORDS[notification.severity]
        title = escape_mrkdwn(notification.wording.title).replace("|", "¦")
        link = f"<{_escape(message.build_link(notification))}|{title}>"
        text = " ".join(filter(None, (flatten(notification.wording.text), flatten(notification.wording.action))))
        lines.append(f"{label}: {link}\n{escape_mrkdwn(text)}")
    if rest := _describe_rest(message):
        lines.append(escape_mrkdwn(rest))
    return {"text": "\n\n".join(lines), "mrkdwn": True, "unfurl_links": False}


def write_pagerduty(message: Message, routing_key: str) -> list[dict[str, Any]]:
    """Return the events for PagerDuty's Events API v2, which begin and end incidents; none if there are none to end."""
    if message.total > MAX_INCIDENTS:
        open_notifications = [
            notification for notification in message.notifications if notification.phase is not Phase.ENDED
        ]
        return [_write_group(message, routing_key, open_notifications)] if open_notifications else []
    return [_write_incident(message, routing_key, notification) for notification in message.notifications]


def escape_mrkdwn(text: str) -> str:
    """Return *text* as Slack and its relatives show it literally, without links, mentions and formatting."""
    # A zero-width space after a sign takes its meaning away; Slack has no other way to escape these.
    return _FORMATTING.sub(lambda match: f"{match[0]}\u200b", _escape(text))


def _escape(text: str) -> str:
    return flatten(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _describe_rest(message: Message) -> str:
    missing = message.total - len(message.notifications)
    if missing <= 0:
        return ""
    kinds = ", ".join(f"{number:,} {kind}" for kind, number in message.counts.items())
    return f"{missing:,} more aren't listed. In all: {kinds}. See all at {message.url}{PAGE}"


def _write_incident(message: Message, routing_key: str, notification: Notification) -> dict[str, Any]:
    key = hashlib.sha256(f"{notification.organization}\n{notification.key}".encode()).hexdigest()
    body = {"routing_key": routing_key, "dedup_key": key}
    if notification.phase is Phase.ENDED:
        return body | {"event_action": "resolve"}
    details = {
        "text": notification.wording.text,
        "action": notification.wording.action,
        "about": list(notification.about),
        "type": notification.type,
    }
    return body | {
        "event_action": "trigger",
        "client": "Holdfast",
        "client_url": message.build_link(notification),
        "links": [{"href": message.build_link(notification), "text": "Open in Holdfast"}],
        "payload": {
            "summary": flatten(notification.wording.title)[:MAX_SUMMARY],
            "source": f"holdfast/{notification.organization}",
            "severity": notification.severity.value,
            "timestamp": notification.at.isoformat(),
            "class": notification.kind.value,
            "custom_details": details,
        },
    }


def _write_group(message: Message, routing_key: str, notifications: Sequence[Notification]) -> dict[str, Any]:
    page = f"{message.url}{PAGE}"
    return {
        "routing_key": routing_key,
        "dedup_key": message.id,
        "event_action": "trigger",
        "client": "Holdfast",
        "client_url": page,
        "links": [{"href": page, "text": "Open in Holdfast"}],
        "payload": {
            "summary": message.title[:MAX_SUMMARY],
            "source": f"holdfast/{message.organization}",
            "severity": find_most_urgent(notifications).severity.value,
            "timestamp": message.created_at.isoformat(),
            "class": "group",
            "custom_details": {
                "counts": dict(message.counts),
                "first": [notification.wording.title for notification in notifications],
            },
        },
    }
