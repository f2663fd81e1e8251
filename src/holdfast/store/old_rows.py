"""
Rows that are no longer needed, in tables that would otherwise grow without bound.

Finding them only reads, and they are deleted in batches, so that no writer waits long.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, delete, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from holdfast.store.tables import (
    AuditEventRow,
    ChangeRow,
    JoinTokenRow,
    OrganizationRow,
    RemovedCertificateRow,
    SessionRow,
    TokenRow,
)
from holdfast.store.trust.removed_certificates import KEEP_REMOVED

BATCH = 500
KEEP_CHANGES = timedelta(days=1)  # publishers read change rows within milliseconds
KEEP_JOIN_TOKENS = timedelta(days=1)  # after expiry, so that the log can say why one was rejected
_Key = InstrumentedAttribute[Any]


@dataclass(frozen=True, slots=True)
class OldRows:
    """Rows of one table that can be deleted: their *key* column, and a query for at most BATCH keys."""

    key: _Key
    query: Select[Any]

    @property
    def table(self) -> str:
        """The name of the table."""
        return str(self.key.class_.__tablename__)


def find_old_rows(now: datetime, audit_retention: timedelta | None) -> list[OldRows]:
    """Return what can be deleted in all organizations; audit events only after *audit_retention* (None: never)."""
    removed = RemovedCertificateRow
    every_organization = removed.organization_id.in_(select(OrganizationRow.id))  # the index begins with it
    ended = [
        OldRows(removed.id, select(removed.id).where(every_organization, removed.removed_at <= now - KEEP_REMOVED)),
        OldRows(SessionRow.token_hash, select(SessionRow.token_hash).where(SessionRow.expires_at <= now)),
        OldRows(
            JoinTokenRow.token_hash,
            select(JoinTokenRow.token_hash).where(JoinTokenRow.expires_at <= now - KEEP_JOIN_TOKENS),
        ),
        OldRows(TokenRow.id, select(TokenRow.id).where(TokenRow.expires_at <= now)),
    ]
    past = [_before(ChangeRow.sequence, ChangeRow.at, now - KEEP_CHANGES)]
    if audit_retention is not None:
        past.append(_before(AuditEventRow.id, AuditEventRow.at, now - audit_retention))
    return [*past, *(OldRows(rows.key, rows.query.limit(BATCH)) for rows in ended)]


def find_old(session: Session, rows: OldRows) -> Sequence[Any]:
    """Return the keys of at most BATCH rows."""
    return session.scalars(rows.query).all()


def delete_rows(session: Session, rows: OldRows, keys: Sequence[Any]) -> None:
    """Delete the rows with these keys."""
    session.execute(delete(rows.key.class_).where(rows.key.in_(keys)))


def _before(key: _Key, at: _Key, end: datetime) -> OldRows:
    """Return the rows before *end*; as keys increase with time, only the first are read, and no index is needed."""
    first = select(key).order_by(key).limit(BATCH)
    return OldRows(key, select(key).where(key.in_(first), at < end))
