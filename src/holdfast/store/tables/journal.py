"""
Audit events for people, and change rows for the distributor.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, false
from sqlalchemy.orm import Mapped, mapped_column

from holdfast.store.tables.columns import CountingNumber, Number, StoredJson, Table


class AuditEventRow(Table):
    """An audit event: who did what to what, and when; written in the transaction of the change itself."""

    __tablename__ = "audit_event"
    id: Mapped[int] = mapped_column(Number, primary_key=True, autoincrement=True)
    organization_id: Mapped[str] = mapped_column(ForeignKey("organization.id"))
    at: Mapped[datetime]
    user: Mapped[str]
    action: Mapped[str]
    subject: Mapped[str]
    detail: Mapped[str]  # text for people
    address: Mapped[str | None]  # of the client; None: not by a request, or from before revision 0013
    details: Mapped[dict[str, Any] | None] = mapped_column(StoredJson)  # None: before revision 0014
    request_id: Mapped[str | None]  # None: not by a request, or from before revision 0030
    number: Mapped[int | None] = mapped_column(CountingNumber)  # in the chain; None: not chained yet
    previous_hash: Mapped[bytes | None]  # SHA-256 of the event before
    hash: Mapped[bytes | None]  # SHA-256 of this event (`audit.chain`)
    chained_later: Mapped[bool] = mapped_column(server_default=false())  # than it was written: by an earlier version
    __table_args__ = (
        Index("audit_event_by_time", "organization_id", "at"),
        Index("audit_event_by_subject", "organization_id", "subject"),
        Index("audit_event_by_order", "organization_id", "id"),
        Index("audit_event_by_user", "organization_id", "user", "at"),
        Index("audit_event_by_object", "organization_id", "subject", "at"),
        Index("audit_event_by_action", "organization_id", "action", "at"),
    )


class AuditChainRow(Table):
    """The newest event in the chain of an organization's audit events, and the last one that retention deleted."""

    __tablename__ = "audit_chain"
    organization_id: Mapped[str] = mapped_column(ForeignKey("organization.id"), primary_key=True)
    number: Mapped[int] = mapped_column(CountingNumber)  # 0: none
    hash: Mapped[bytes]
    event_id: Mapped[int] = mapped_column(CountingNumber)
    anchor_number: Mapped[int] = mapped_column(CountingNumber)  # 0: nothing was deleted
    anchor_hash: Mapped[bytes]
    anchored_at: Mapped[datetime | None]


class ChangeRow(Table):
    """A change for which the distributor rebuilds an API, by its id, or every API with an endpoint at an origin."""

    __tablename__ = "change"
    sequence: Mapped[int] = mapped_column(Number, primary_key=True, autoincrement=True)
    organization_id: Mapped[str] = mapped_column(ForeignKey("organization.id"))
    at: Mapped[datetime]
    kind: Mapped[str]  # "api" or "origin"
    key: Mapped[str]
    __table_args__ = ({"sqlite_autoincrement": True},)
