"""
Channels, what people are notified of, the outbox, silences and owners.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import Boolean, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from holdfast.store.tables.columns import Number, Table


class NotificationChannelRow(Table):
    """A channel, with its URL and secret sealed, and when it last worked and failed."""

    __tablename__ = "notification_channel"
    id: Mapped[str] = mapped_column(primary_key=True)
    organization_id: Mapped[str] = mapped_column(ForeignKey("organization.id"))
    name: Mapped[str]
    kind: Mapped[str]
    target: Mapped[str]
    sealed: Mapped[bytes]
    recipients: Mapped[list[str]]
    events: Mapped[list[str]]
    audience: Mapped[str]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    succeeded_at: Mapped[datetime | None]
    failed_at: Mapped[datetime | None]
    error: Mapped[str | None]
    __table_args__ = (UniqueConstraint("organization_id", "name"),)


class ConditionRow(Table):
    """Something that people are notified of, such as an expiring certificate, and the level that was last sent."""

    __tablename__ = "notification_condition"
    organization_id: Mapped[str] = mapped_column(ForeignKey("organization.id"), primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str]
    level: Mapped[str]
    body: Mapped[dict[str, Any]]
    first_seen_at: Mapped[datetime]
    began_at: Mapped[datetime | None]
    notified_at: Mapped[datetime | None]
    gone_since: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    episodes: Mapped[int]
    __table_args__ = (Index("notification_condition_by_kind", "organization_id", "kind"),)


class NotificationCursorRow(Table):
    """The last audit event of an organization for which notifications were written."""

    __tablename__ = "notification_cursor"
    organization_id: Mapped[str] = mapped_column(ForeignKey("organization.id"), primary_key=True)
    audit_event_id: Mapped[int] = mapped_column(Number)


class NotificationRow(Table):
    """A notification, which is sent to several channels."""

    __tablename__ = "notification"
    id: Mapped[int] = mapped_column(Number, primary_key=True, autoincrement=True)
    organization_id: Mapped[str] = mapped_column(ForeignKey("organization.id"))
    at: Mapped[datetime]
    key: Mapped[str]
    kind: Mapped[str]
    phase: Mapped[str]
    severity: Mapped[str]
    wording: Mapped[dict[str, Any]]
    about: Mapped[list[str]]
    quiet: Mapped[bool] = mapped_column(Boolean)
    __table_args__ = (Index("notification_by_organization", "organization_id", "id"), {"sqlite_autoincrement": True})


class NotificationMessageRow(Table):
    """A message to one channel with one or more notifications; its id stays the same when it is sent again."""

    __tablename__ = "notification_message"
    id: Mapped[str] = mapped_column(primary_key=True)
    organization_id: Mapped[str] = mapped_column(ForeignKey("organization.id"))
    channel_id: Mapped[str] = mapped_column(ForeignKey("notification_channel.id", ondelete="CASCADE"))
    recipients: Mapped[str]  # e-mail addresses, separated by commas; empty: those of the channel
    created_at: Mapped[datetime]
    attempts: Mapped[int]
    next_attempt_at: Mapped[datetime | None]  # None: it was delivered or given up
    delivered_at: Mapped[datetime | None]
    error: Mapped[str | None]
    __table_args__ = (
        Index("notification_message_by_channel", "channel_id", "created_at"),
        Index(
            "notification_message_open",
            "channel_id",
            "next_attempt_at",
            sqlite_where=text("next_attempt_at IS NOT NULL"),
            postgresql_where=text("next_attempt_at IS NOT NULL"),
        ),
    )


class NotificationDeliveryRow(Table):
    """A notification to one channel, which waits until it becomes part of a message."""

    __tablename__ = "notification_delivery"
    id: Mapped[int] = mapped_column(Number, primary_key=True, autoincrement=True)
    organization_id: Mapped[str] = mapped_column(ForeignKey("organization.id"))
    notification_id: Mapped[int] = mapped_column(Number, ForeignKey("notification.id", ondelete="CASCADE"))
    channel_id: Mapped[str] = mapped_column(ForeignKey("notification_channel.id", ondelete="CASCADE"))
    recipients: Mapped[str]
    message_id: Mapped[str | None] = mapped_column(ForeignKey("notification_message.id", ondelete="CASCADE"))
    __table_args__ = (
        Index(
            "notification_delivery_waiting",
            "channel_id",
            "id",
            sqlite_where=text("message_id IS NULL"),
            postgresql_where=text("message_id IS NULL"),
        ),
        Index("notification_delivery_by_message", "message_id"),
        Index("notification_delivery_by_notification", "notification_id"),
    )


class SilenceRow(Table):
    """A silence, which ends automatically."""

    __tablename__ = "silence"
    id: Mapped[str] = mapped_column(primary_key=True)
    organization_id: Mapped[str] = mapped_column(ForeignKey("organization.id"))
    kind: Mapped[str | None]
    about: Mapped[str]
    reason: Mapped[str]
    created_by: Mapped[str]
    created_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    __table_args__ = (Index("silence_by_end", "organization_id", "ends_at"),)


class OwnerRow(Table):
    """The owners of an API (`api:ID`) or an endpoint certificate (`certificate:ALIAS`)."""

    __tablename__ = "owner"
    organization_id: Mapped[str] = mapped_column(ForeignKey("organization.id"), primary_key=True)
    object: Mapped[str] = mapped_column(primary_key=True)
    owners: Mapped[list[str]]
