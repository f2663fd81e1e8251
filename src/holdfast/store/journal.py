"""
The rows written with every change: an audit event for people, and a change row for the distributor.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, get_args

from sqlalchemy import bindparam, func, select
from sqlalchemy.orm import Session

from holdfast.store.audit_chain import append, read_details
from holdfast.store.tables import AuditEventRow, ChangeRow, OrganizationRow

ChangeKind = Literal["api", "origin"]
_AFTER = select(ChangeRow).where(ChangeRow.sequence > bindparam("sequence")).order_by(ChangeRow.sequence)
_KINDS = frozenset(get_args(ChangeKind))
EVERYTHING = "everything"  # the kind of a change after which everything is read: see `announce_loss`


@dataclass(frozen=True, slots=True)
class Change:
    """A change for which the distributor rebuilds an API, by its id, or every API with an endpoint at an origin."""

    sequence: int
    organization: str
    at: datetime
    kind: str
    key: str


class ChangesLost(Exception):
    """The database doesn't have all changes anymore that were read from it, as after an asynchronous failover."""


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """An audit event: who did what to what, when, and from which *address*; None: not by a request."""

    organization: str
    at: datetime
    user: str
    action: str
    subject: str
    detail: str  # text for people
    address: str | None
    details: Mapping[str, Any] = field(default_factory=dict)  # from `audit.to_json`; empty: none, or an old event
    request_id: str | None = None

    @classmethod
    def read(cls, row: AuditEventRow) -> "AuditEvent":
        """Return the event in *row*."""
        of, details = row.organization_id, read_details(row) or {}
        return cls(of, row.at, row.user, row.action, row.subject, row.detail, row.address, details, row.request_id)


def record(session: Session, *events: AuditEvent) -> None:
    """Write audit events of one organization, chained to the one before, in the transaction of the only writer."""
    append(session, *map(_write_row, events))


def _write_row(event: AuditEvent) -> AuditEventRow:
    return AuditEventRow(
        organization_id=event.organization,
        at=event.at,
        user=event.user,
        action=event.action,
        subject=event.subject,
        detail=event.detail,
        address=event.address,
        details=dict(event.details),
        request_id=event.request_id,
        chained_later=False,
    )


def list_audit_events(session: Session, organization: str) -> list[AuditEvent]:
    """Return all audit events of an organization, oldest first."""
    query = select(AuditEventRow).where(AuditEventRow.organization_id == organization).order_by(AuditEventRow.id)
    return [AuditEvent.read(row) for row in session.scalars(query)]


def list_audit_events_about(session: Session, organization: str, subject: str, action: str) -> list[AuditEvent]:
    """Return the audit events with this *action* about this *subject*, oldest first."""
    table = AuditEventRow
    about = (table.organization_id == organization, table.subject == subject, table.action == action)
    return [AuditEvent.read(row) for row in session.scalars(select(table).where(*about).order_by(table.id))]


def announce(session: Session, organization: str, kind: ChangeKind, key: str, now: datetime) -> None:
    """Write a change row."""
    session.add(ChangeRow(organization_id=organization, at=now, kind=kind, key=key))


def get_last_sequence(session: Session) -> int:
    """Return the sequence number of the latest change; 0 if there is none."""
    return session.scalar(select(func.max(ChangeRow.sequence))) or 0


def get_latest_change(session: Session) -> Change | None:
    """Return the latest change; None if there is none."""
    newest = select(func.max(ChangeRow.sequence)).scalar_subquery()
    row = session.scalar(select(ChangeRow).where(ChangeRow.sequence == newest))
    return _read(row) if row else None


def list_changes_since(session: Session, last: Change | None) -> list[Change]:
    """
    Return the changes after *last*, the latest one that was read (None: of all), as `list_changes_after` does.

    Raises ChangesLost if *last* isn't there anymore, or another control plane has noticed that changes were lost.
    """
    changes = list_changes_after(session, last.sequence - 1 if last else 0)
    if last and (not changes or changes.pop(0) != last):
        raise ChangesLost
    if any(change.kind not in _KINDS for change in changes):  # EVERYTHING, or one that can't be read
        raise ChangesLost
    return changes


def announce_loss(session: Session, last: Change | None, now: datetime) -> None:
    """
    Let all control planes read everything, because changes up to *last* were lost.

    The numbers of changes continue after *last*, so that what gateways had before is older than all that follows.
    """
    number = last.sequence if last else 0
    if session.scalar(select(ChangeRow.sequence).where(ChangeRow.sequence > number, ChangeRow.kind == EVERYTHING)):
        return  # another control plane was faster
    number = max(number, get_last_sequence(session)) + 1
    organization = session.scalars(select(OrganizationRow.id).order_by(OrganizationRow.id).limit(1)).one()
    session.add(ChangeRow(sequence=number, organization_id=organization, at=now, kind=EVERYTHING, key=""))
    if session.get_bind().dialect.name == "postgresql":
        session.execute(select(func.setval(func.pg_get_serial_sequence("change", "sequence"), number)))


def list_changes_after(session: Session, sequence: int) -> list[Change]:
    """
    Return the changes after *sequence* in all organizations, oldest first.

    SQLite has one writer at a time, so numbers become visible in order and none is missed.
    """
    return list(map(_read, session.scalars(_AFTER, {"sequence": sequence})))


def _read(row: ChangeRow) -> Change:
    return Change(row.sequence, row.organization_id, row.at, row.kind, row.key)
