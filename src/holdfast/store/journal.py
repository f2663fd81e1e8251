"""
What is written beside every change: the audit event for people, the change row for the distributor.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from holdfast.store.tables import AuditEventRow, ChangeRow

ChangeKind = Literal["api", "origin"]


@dataclass(frozen=True, slots=True)
class Change:
    """Something the distributor must build anew: an API by id, or every API with an endpoint of an origin."""

    sequence: int
    organization: str
    at: datetime
    kind: str
    key: str


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """Who did what to what, when, and from which *address*; None: no request asked for it."""

    organization: str
    at: datetime
    user: str
    action: str
    subject: str
    detail: str  # in words
    address: str | None
    details: Mapping[str, Any] = field(default_factory=dict)  # as `audit.to_json` gives them; empty: not recorded then


def record(session: Session, event: AuditEvent) -> None:
    """Write an audit event."""
    row = AuditEventRow(
        organization_id=event.organization,
        at=event.at,
        user=event.user,
        action=event.action,
        subject=event.subject,
        detail=event.detail,
        address=event.address,
        details=dict(event.details),
    )
    session.add(row)


def audit_events(session: Session, organization: str) -> list[AuditEvent]:
    """All audit events of an organization, oldest first."""
    query = select(AuditEventRow).where(AuditEventRow.organization_id == organization).order_by(AuditEventRow.id)
    return [_event(row) for row in session.scalars(query)]


def audit_events_of(session: Session, organization: str, subject: str, action: str) -> list[AuditEvent]:
    """The audit events of one kind about one *subject*, oldest first."""
    table = AuditEventRow
    about = (table.organization_id == organization, table.subject == subject, table.action == action)
    return [_event(row) for row in session.scalars(select(table).where(*about).order_by(table.id))]


def _event(row: AuditEventRow) -> AuditEvent:
    return AuditEvent(
        row.organization_id, row.at, row.user, row.action, row.subject, row.detail, row.address, row.details or {}
    )


def announce(session: Session, organization: str, kind: ChangeKind, key: str, now: datetime) -> None:
    """Write a change row."""
    session.add(ChangeRow(organization_id=organization, at=now, kind=kind, key=key))


def last_change(session: Session) -> int:
    """The sequence number of the latest change, 0 when there was none."""
    return session.scalar(select(func.max(ChangeRow.sequence))) or 0


def changes_after(session: Session, sequence: int) -> list[Change]:
    """
    The changes after *sequence*, oldest first, of all organizations.

    SQLite has one writer at a time, so numbers become visible in order and none is missed.
    """
    query = select(ChangeRow).where(ChangeRow.sequence > sequence).order_by(ChangeRow.sequence)
    return [Change(row.sequence, row.organization_id, row.at, row.kind, row.key) for row in session.scalars(query)]
