"""
Rows that are no longer needed, in tables that would otherwise grow without bound.

Finding them only reads, and they are deleted in batches, so that no writer waits long.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, delete, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from holdfast.store.access.failed_attempts import FORGOTTEN_AFTER
from holdfast.store.tables import (
    ChangeRow,
    ControlPlaneRow,
    FailedAttemptRow,
    JoinTokenRow,
    NotificationChannelRow,
    NotificationMessageRow,
    NotificationRow,
    OrganizationRow,
    PresentedChainRow,
    RemovedCertificateRow,
    SessionRow,
    SilenceRow,
    TokenRow,
    WatchedEndpointRow,
)
from holdfast.store.trust.removed_certificates import KEEP_REMOVED
from holdfast.store.watch.presented_chains import KEEP_CHAINS

BATCH = 500
# Publishers read change rows within milliseconds; by the last one, they notice that the database has lost some.
KEEP_CHANGES = timedelta(days=1)
KEEP_CONTROL_PLANES = timedelta(days=1)  # since they were last seen, on a clock that differs by less than this
KEEP_JOIN_TOKENS = timedelta(days=1)  # after expiry, so that the log can say why one was rejected
KEEP_NOTIFICATIONS = timedelta(days=90)
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


def find_old_rows(now: datetime) -> list[OldRows]:
    """Return what can be deleted in all organizations, except for audit events (`audit_chain.forget`)."""
    removed_table = RemovedCertificateRow
    every_organization = removed_table.organization_id.in_(select(OrganizationRow.id))  # the index begins with it
    expired_rows = [
        OldRows(
            removed_table.id,
            select(removed_table.id).where(every_organization, removed_table.removed_at <= now - KEEP_REMOVED),
        ),
        OldRows(SessionRow.token_hash, select(SessionRow.token_hash).where(SessionRow.expires_at <= now)),
        OldRows(
            JoinTokenRow.token_hash,
            select(JoinTokenRow.token_hash).where(JoinTokenRow.expires_at <= now - KEEP_JOIN_TOKENS),
        ),
        OldRows(
            FailedAttemptRow.key, select(FailedAttemptRow.key).where(FailedAttemptRow.last_at < now - FORGOTTEN_AFTER)
        ),
        OldRows(
            ControlPlaneRow.id,
            select(ControlPlaneRow.id).where(ControlPlaneRow.seen_at <= now - KEEP_CONTROL_PLANES),
        ),
        OldRows(TokenRow.id, select(TokenRow.id).where(TokenRow.expires_at <= now)),
        OldRows(
            PresentedChainRow.id,
            select(PresentedChainRow.id)
            .join(WatchedEndpointRow, WatchedEndpointRow.id == PresentedChainRow.watched_endpoint_id)
            .where(PresentedChainRow.last_at <= now - KEEP_CHAINS, PresentedChainRow.chain != WatchedEndpointRow.chain),
        ),
    ]
    message, silence = NotificationMessageRow, SilenceRow
    of_channels = message.channel_id.in_(select(NotificationChannelRow.id))  # the index begins with it
    expired_rows += [
        OldRows(message.id, select(message.id).where(of_channels, message.created_at <= now - KEEP_NOTIFICATIONS)),
        OldRows(
            silence.id,
            select(silence.id).where(
                silence.organization_id.in_(select(OrganizationRow.id)), silence.ends_at <= now - KEEP_NOTIFICATIONS
            ),
        ),
    ]
    journal_rows = [
        _select_before(NotificationRow.id, NotificationRow.at, now - KEEP_NOTIFICATIONS),
        _select_before(ChangeRow.sequence, ChangeRow.at, now - KEEP_CHANGES, keep_last=True),
    ]
    return [*journal_rows, *(OldRows(rows.key, rows.query.limit(BATCH)) for rows in expired_rows)]


def find_old(session: Session, rows: OldRows) -> Sequence[Any]:
    """Return the keys of at most BATCH rows."""
    return session.scalars(rows.query).all()


def delete_rows(session: Session, rows: OldRows, keys: Sequence[Any]) -> None:
    """Delete the rows with these keys."""
    session.execute(delete(rows.key.class_).where(rows.key.in_(keys)))


def _select_before(key: _Key, at: _Key, end: datetime, *, keep_last: bool = False) -> OldRows:
    """Return the rows before *end*; as keys increase with time, only the first are read, and no index is needed."""
    first = select(key).order_by(key).limit(BATCH)
    query = select(key).where(key.in_(first), at < end)
    return OldRows(key, query.where(key < select(func.max(key)).scalar_subquery()) if keep_last else query)
