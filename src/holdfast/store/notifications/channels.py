"""
Queries for channels.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from holdfast.apis.notifications.channel import Audience, Channel, ChannelKind, Delivery
from holdfast.apis.notifications.event import EventKind
from holdfast.store.stored_values import read_stored
from holdfast.store.tables import NotificationChannelRow, NotificationDeliveryRow, NotificationMessageRow


@dataclass(frozen=True, slots=True)
class Backlog:
    """The undelivered rest: waiting notifications, and attempts to deliver the message that is being sent."""

    waiting: int = 0
    attempts: int = 0
    next_attempt_at: datetime | None = None


def insert(session: Session, channel: Channel) -> None:
    """Insert a new channel."""
    session.add(NotificationChannelRow(id=channel.id, organization_id=channel.organization, **_write_values(channel)))
    session.flush()


def change(session: Session, channel: Channel) -> None:
    """Store the values of an existing channel, and forget its last error; an open message is sent at once."""
    row, message = NotificationChannelRow, NotificationMessageRow
    this = (row.organization_id == channel.organization, row.id == channel.id)
    values = _write_values(channel) | {"failed_at": None, "error": None}
    session.execute(update(row).where(*this).values(values))
    of_channel = (message.organization_id == channel.organization, message.channel_id == channel.id)
    is_open = message.next_attempt_at.is_not(None)
    session.execute(update(message).where(*of_channel, is_open).values(next_attempt_at=channel.updated_at))


def remove(session: Session, channel: Channel) -> None:
    """Delete a channel, and what waits for it."""
    row = NotificationChannelRow
    session.execute(delete(row).where(row.organization_id == channel.organization, row.id == channel.id))


def get(session: Session, organization: str, name: str) -> Channel | None:
    """Return the channel with this name."""
    table = NotificationChannelRow
    row = session.scalar(select(table).where(table.organization_id == organization, table.name == name))
    return read_channel(row) if row else None


def list_of_organization(session: Session, organization: str) -> list[Channel]:
    """Return the channels of an organization, by name."""
    row = NotificationChannelRow
    query = select(row).where(row.organization_id == organization).order_by(row.name)
    return [read_channel(channel) for channel in session.scalars(query)]


def count(session: Session, organization: str) -> int:
    """Return the number of channels."""
    row = NotificationChannelRow
    return session.scalar(select(func.count()).select_from(row).where(row.organization_id == organization)) or 0


def list_organizations(session: Session) -> list[str]:
    """Return the ids of the organizations that have channels."""
    return list(session.scalars(select(NotificationChannelRow.organization_id).distinct().order_by("organization_id")))


def list_backlogs(session: Session, organization: str) -> dict[str, Backlog]:
    """Return what waits for each channel, by its id, without those for which nothing waits."""
    delivery, message = NotificationDeliveryRow, NotificationMessageRow
    own = (message.organization_id == organization, message.next_attempt_at.is_not(None))
    open_messages = {row.channel_id: row for row in session.scalars(select(message).where(*own))}
    in_messages = (
        select(delivery.channel_id, func.count())
        .join(message, message.id == delivery.message_id)
        .where(*own)
        .group_by(delivery.channel_id)
    )
    waits = (delivery.organization_id == organization, delivery.message_id.is_(None))
    not_in_messages = select(delivery.channel_id, func.count()).where(*waits).group_by(delivery.channel_id)
    waiting: dict[str, int] = {}
    for query in (in_messages, not_in_messages):
        for channel_id, number in session.execute(query):
            waiting[channel_id] = waiting.get(channel_id, 0) + number
    return {
        channel_id: Backlog(number, open_messages[channel_id].attempts, open_messages[channel_id].next_attempt_at)
        if channel_id in open_messages
        else Backlog(number)
        for channel_id, number in waiting.items()
    }


def count_given_up(session: Session, organization: str) -> dict[str, int]:
    """Return how many messages to each channel were given up, by its id, without those to which none was."""
    row, channel = NotificationMessageRow, NotificationChannelRow
    was_given_up = (row.next_attempt_at.is_(None), row.delivered_at.is_(None))
    query = select(row.channel_id, func.count()).join(channel, channel.id == row.channel_id)
    query = query.where(channel.organization_id == organization, *was_given_up).group_by(row.channel_id)
    return {row[0]: row[1] for row in session.execute(query)}


def write_success(session: Session, channel_id: str, at: datetime) -> None:
    """Write down that a message was delivered."""
    row = NotificationChannelRow
    session.execute(update(row).where(row.id == channel_id).values(succeeded_at=at, failed_at=None, error=None))


def write_failure(session: Session, channel_id: str, at: datetime, error: str) -> None:
    """Write down that a message could not be delivered."""
    row = NotificationChannelRow
    session.execute(update(row).where(row.id == channel_id).values(failed_at=at, error=error))


def replace_sealed(session: Session, organization: str, reseal: Callable[[bytes, str], bytes]) -> None:
    """Replace the sealed secrets with the result of *reseal*, which gets them and the id of their row."""
    row = NotificationChannelRow
    for channel in session.scalars(select(row).where(row.organization_id == organization)):
        channel.sealed = reseal(channel.sealed, channel.id)
    session.flush()


def _write_values(channel: Channel) -> dict[str, object]:
    return {
        "name": channel.name,
        "kind": channel.kind.value,
        "target": channel.target,
        "sealed": channel.sealed,
        "recipients": list(channel.recipients),
        "events": [kind.value for kind in channel.events],
        "audience": channel.audience.value,
        "created_at": channel.created_at,
        "updated_at": channel.updated_at,
    }


def read_channel(row: NotificationChannelRow) -> Channel:
    """Return the channel in *row*, without what can't be read."""

    def read() -> tuple[ChannelKind, tuple[str, ...], tuple[EventKind, ...], Audience]:
        events = tuple(EventKind(kind) for kind in row.events if kind in set(EventKind))
        return ChannelKind(row.kind), tuple(row.recipients), events, Audience(row.audience)

    values = read_stored(read, "channel", row.organization_id, name=row.name)
    # Without its secrets, nothing is sent through a channel that can't be read until someone changes it.
    kind, recipients, events, audience = values or (ChannelKind.WEBHOOK, (), (), Audience.ALL)
    return Channel(
        id=row.id,
        organization=row.organization_id,
        name=row.name,
        kind=kind,
        target=row.target,
        sealed=row.sealed if values else b"",
        recipients=recipients,
        events=events,
        audience=audience,
        created_at=row.created_at,
        updated_at=row.updated_at,
        delivery=Delivery(row.succeeded_at, row.failed_at, row.error or ""),
    )
