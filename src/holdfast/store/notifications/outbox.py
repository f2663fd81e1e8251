"""
The outbox: notifications, the channels that they are for, and the messages in which they are sent.

A channel has at most one open message. What is added meanwhile waits, and becomes the next message as a whole.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import case, exists, func, insert, or_, select, update
from sqlalchemy.orm import Session

from holdfast.apis.notifications.event import EventSeverity, Notification
from holdfast.store.notifications import channels
from holdfast.store.notifications.history import read_notification
from holdfast.store.tables import (
    NotificationChannelRow,
    NotificationDeliveryRow,
    NotificationMessageRow,
    NotificationRow,
)

LONGEST_WAIT = timedelta(hours=2)  # for the next attempt, which is made within an hour


@dataclass(frozen=True, slots=True)
class AddressedNotification:
    """A notification and the ids of its channels, each with e-mail addresses (empty: those of the channel)."""

    notification: Notification
    channels: Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class OpenMessage:
    """A message that isn't delivered yet, and how often that failed."""

    id: str
    organization: str
    channel: str  # its name
    channel_id: str
    recipients: str
    created_at: datetime
    attempts: int


def add(session: Session, entries: Iterable[AddressedNotification]) -> None:
    """Store notifications and their receivers; one without any is stored, too."""
    addressed_entries = list(entries)
    if not addressed_entries:
        return
    rows = [_write_values(entry.notification) for entry in addressed_entries]
    numbers = session.scalars(insert(NotificationRow).returning(NotificationRow.id, sort_by_parameter_order=True), rows)
    add_receivers(
        session,
        [
            replace(entry, notification=replace(entry.notification, number=number))
            for entry, number in zip(addressed_entries, numbers.all(), strict=True)
        ],
    )


def add_receivers(session: Session, entries: Iterable[AddressedNotification]) -> None:
    """Store receivers of notifications that are stored already."""
    deliveries = [
        {
            "organization_id": entry.notification.organization,
            "notification_id": entry.notification.number,
            "channel_id": channel,
            "recipients": recipients,
        }
        for entry in entries
        for channel, recipients in entry.channels
    ]
    if deliveries:
        session.execute(insert(NotificationDeliveryRow), deliveries)


def list_channels_to_begin(session: Session) -> list[tuple[str, str, str]]:
    """
    Return the channels with waiting notifications and no open message.

    Each is an organization, the id of the channel, and the addresses of the notification that has waited longest.
    """
    delivery, message = NotificationDeliveryRow, NotificationMessageRow
    first = (
        select(delivery.channel_id, func.min(delivery.id).label("id"))
        .where(delivery.message_id.is_(None))
        .where(~exists().where(message.channel_id == delivery.channel_id, message.next_attempt_at.is_not(None)))
        .group_by(delivery.channel_id)
        .subquery()
    )
    query = select(delivery.organization_id, delivery.channel_id, delivery.recipients).join(
        first, first.c.id == delivery.id
    )
    return [(row[0], row[1], row[2]) for row in session.execute(query)]


def begin_message(
    session: Session, message_id: str, organization: str, channel_id: str, recipients: str, now: datetime
) -> None:
    """Open a message with all notifications that wait for these addresses of a channel."""
    delivery = NotificationDeliveryRow
    message = NotificationMessageRow(
        id=message_id,
        organization_id=organization,
        channel_id=channel_id,
        recipients=recipients,
        created_at=now,
        attempts=0,
        next_attempt_at=now,
    )
    session.add(message)
    session.flush()
    of_channel = (delivery.organization_id == organization, delivery.channel_id == channel_id)
    waits = (delivery.message_id.is_(None), delivery.recipients == recipients)
    session.execute(update(delivery).where(*of_channel, *waits).values(message_id=message_id))


def list_due(session: Session, now: datetime) -> list[OpenMessage]:
    """
    Return the open messages whose next attempt is due, the oldest first.

    A time that is too far in the future was set while a clock was wrong, so it is due, too.
    """
    message, channel = NotificationMessageRow, NotificationChannelRow
    query = (
        select(message, channel.name)
        .join(channel, channel.id == message.channel_id)
        .where(or_(message.next_attempt_at <= now, message.next_attempt_at > now + LONGEST_WAIT))
        .order_by(message.created_at, message.id)
    )
    return [
        OpenMessage(row.id, row.organization_id, name, row.channel_id, row.recipients, row.created_at, row.attempts)
        for row, name in session.execute(query)
    ]


def get_content(session: Session, message_id: str, limit: int) -> tuple[list[Notification], dict[str, int]]:
    """Return the most urgent notifications of a message, the oldest first, and the number of all by type."""
    row, delivery = NotificationRow, NotificationDeliveryRow
    urgency = case({severity.value: n for n, severity in enumerate(EventSeverity)}, value=row.severity)
    of_message = delivery.message_id == message_id
    query = select(row).join(delivery, delivery.notification_id == row.id).where(of_message)
    rows = session.scalars(query.order_by(urgency, row.id).limit(limit))
    most_urgent = [notification for notification in map(read_notification, rows) if notification]
    types = select(row.kind, row.phase, func.count()).join(delivery, delivery.notification_id == row.id)
    counts = session.execute(types.where(of_message).group_by(row.kind, row.phase).order_by(row.kind, row.phase))
    return sorted(most_urgent, key=lambda notification: notification.number), {
        f"{kind}.{phase}": number for kind, phase, number in counts
    }


def count_attempt(session: Session, message: OpenMessage) -> None:
    """Write down that an attempt to deliver a message begins."""
    row = NotificationMessageRow
    session.execute(update(row).where(row.id == message.id).values(attempts=message.attempts + 1))


def mark_delivered(session: Session, message: OpenMessage, at: datetime) -> None:
    """Write down that a message was delivered."""
    row = NotificationMessageRow
    values = {"delivered_at": at, "next_attempt_at": None, "error": None}
    session.execute(update(row).where(row.id == message.id).values(values))
    channels.write_success(session, message.channel_id, at)


def mark_failed(session: Session, message: OpenMessage, at: datetime, error: str, again_at: datetime | None) -> None:
    """Write down why a message wasn't delivered, and when it is tried again; None: never."""
    row = NotificationMessageRow
    values = {"next_attempt_at": again_at, "error": error}
    session.execute(update(row).where(row.id == message.id).values(values))
    channels.write_failure(session, message.channel_id, at, error)


def _write_values(notification: Notification) -> dict[str, object]:
    wording = notification.wording
    return {
        "organization_id": notification.organization,
        "at": notification.at,
        "key": notification.key,
        "kind": notification.kind.value,
        "phase": notification.phase.value,
        "severity": notification.severity.value,
        "wording": {"title": wording.title, "text": wording.text, "action": wording.action, "path": wording.path},
        "about": list(notification.about),
        "quiet": notification.quiet,
    }
