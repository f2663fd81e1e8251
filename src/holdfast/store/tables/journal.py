"""
Audit events for people, and change rows for the distributor.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from holdfast.store.tables.columns import Table


class AuditEventRow(Table):
    """An audit event: who did what to what, and when; written in the transaction of the change itself."""

    __tablename__ = "audit_event"
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    organization_id: Mapped[str] = mapped_column(ForeignKey("organization.id"))
    at: Mapped[datetime]
    user: Mapped[str]
    action: Mapped[str]
    subject: Mapped[str]
    detail: Mapped[str]  # text for people
    address: Mapped[str | None]  # of the client; None: not by a request, or from before revision 0013
    details: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))  # None: before revision 0014
    __table_args__ = (
        Index("audit_event_by_time", "organization_id", "at"),
        Index("audit_event_by_subject", "organization_id", "subject"),
    )


class ChangeRow(Table):
    """A change for which the distributor rebuilds an API, by its id, or every API with an endpoint at an origin."""

    __tablename__ = "change"
    sequence: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    organization_id: Mapped[str] = mapped_column(ForeignKey("organization.id"))
    at: Mapped[datetime]
    kind: Mapped[str]  # "api" or "origin"
    key: Mapped[str]
    __table_args__ = ({"sqlite_autoincrement": True},)
