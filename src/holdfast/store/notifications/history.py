"""
Queries for notifications and their delivery.
"""

from dataclasses import dataclass
from datetime import datetime
from functools import partial

from sqlalchemy import and_, func, select
from sqlalchemy.orm import Session

from holdfast.apis.notifications.event import EventKind, EventSeverity, Notification, Phase, Wording
from holdfast.store.stored_values import read_stored
from holdfast.store.tables import (
    ConditionRow,
    NotificationChannelRow,
    NotificationDeliveryRow,
    NotificationMessageRow,
    NotificationRow,
)


@dataclass(frozen=True, slots=True)
class Receipt:
    """
    The delivery of a notification to one channel: it waits until it was delivered, or given up.

    *error* is the reason of the last attempt; *message* the id under which it was sent, empty while it waits.
    """

    channel: str
    message: str
    delivered_at: datetime | None
    given_up: bool
    error: str


@dataclass(frozen=True, slots=True)
class SentNotification:
    """A notification, and what became of it at each of its channels."""

    notification: Notification
    receipts: tuple[Receipt, ...]


def find(session: Session, organization: str, offset: int, limit: int) -> tuple[list[SentNotification], int]:
    """Return a page of the notifications of an organization, newest first, and their number."""
    table = NotificationRow
    own = table.organization_id == organization
    total = session.scalar(select(func.count()).select_from(table).where(own, ~table.quiet)) or 0
    page = select(table).where(own, ~table.quiet).order_by(table.id.desc()).offset(offset).limit(limit)
    rows = session.scalars(page).all()
    receipts = _list_receipts(session, [row.id for row in rows])
    sent = [(notification, row.id) for row in rows if (notification := read_notification(row))]
    return [SentNotification(notification, tuple(receipts.get(number, ()))) for notification, number in sent], total


def list_latest_of_present(session: Session, organization: str) -> list[Notification]:
    """Return the last notification about each condition that began and hasn't ended, the oldest first."""
    row, condition = NotificationRow, ConditionRow
    about = (condition.organization_id == row.organization_id, condition.key == row.key)
    is_so = (condition.began_at.is_not(None), condition.ended_at.is_(None), row.phase != Phase.ENDED.value)
    own = row.organization_id == organization
    latest = select(func.max(row.id)).join(condition, and_(*about)).where(own, *is_so).group_by(row.key)
    query = select(row).where(own, row.id.in_(latest)).order_by(row.id)
    return list(filter(None, map(read_notification, session.scalars(query))))


def read_notification(row: NotificationRow) -> Notification | None:
    """Return the notification in *row*; None if it can't be read."""
    return read_stored(partial(_read, row), "notification", row.organization_id, key=row.key)


def _read(row: NotificationRow) -> Notification:
    return Notification(
        row.organization_id,
        row.at,
        row.key,
        EventKind(row.kind),
        Phase(row.phase),
        EventSeverity(row.severity),
        Wording(**row.wording),
        tuple(row.about),
        row.quiet,
        row.id,
    )


def _list_receipts(session: Session, numbers: list[int]) -> dict[int, list[Receipt]]:
    delivery, message, channel = NotificationDeliveryRow, NotificationMessageRow, NotificationChannelRow
    query = (
        select(delivery.notification_id, channel.name, message)
        .join(channel, channel.id == delivery.channel_id)
        .join(message, message.id == delivery.message_id, isouter=True)
        .where(delivery.notification_id.in_(numbers))
        .order_by(channel.name)
    )
    receipts: dict[int, list[Receipt]] = {}
    for number, name, sent_message in session.execute(query):
        receipt = Receipt(name, "", None, given_up=False, error="")
        if sent_message:
            given_up = sent_message.next_attempt_at is None and sent_message.delivered_at is None
            receipt = Receipt(name, sent_message.id, sent_message.delivered_at, given_up, sent_message.error or "")
        receipts.setdefault(number, []).append(receipt)
    return receipts
