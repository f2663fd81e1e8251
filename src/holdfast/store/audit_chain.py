"""
The hash chain of each organization's audit events.

An event is chained in the transaction that writes it, for which there is one writer at a time. The previous version of
Holdfast, which can run on the same PostgreSQL database during an upgrade, writes events without a hash: the next
writer chains a few of them, `chain_waiting_events` the rest. Until then, later events wait, too, so that the order is
kept.

If the stored end of a chain can't be read, the next writer continues after the newest event that can be.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from itertools import takewhile
from typing import Any

import structlog
from sqlalchemy import and_, delete, exists, or_, select
from sqlalchemy.orm import Session

from holdfast.audit.chain import NO_HASH, START, Link, hash_event
from holdfast.store.stored_values import read_members, read_stored
from holdfast.store.tables import AuditChainRow, AuditEventRow, OrganizationRow
from holdfast.store.tables.columns import UNREADABLE_BYTES, UNREADABLE_NUMBER, UNREADABLE_TIME

log = structlog.get_logger()
BATCH = 500  # events that are deleted in one transaction
CHAIN_BATCH = 200  # events that are chained in one transaction, for which other writers wait
_UNREADABLE = {"error": "The stored details can't be read."}
_FEW = 50  # waiting events that a writer chains before its own


@dataclass(frozen=True, slots=True)
class ChainState:
    """
    The newest event of a chain, and the last one that retention deleted, *anchored_at* this time; or START.

    None: what is stored can't be read.
    """

    newest: Link | None
    anchor: Link | None
    anchored_at: datetime | None


def append(session: Session, *rows: AuditEventRow) -> None:
    """Insert events of one organization in this order, chained unless too many earlier ones wait for that."""
    head = _get_head(session, rows[0].organization_id)
    waiting = _find_waiting(session, head, _FEW + 1)
    session.add_all(rows)
    if len(waiting) > _FEW:
        return
    _chain_later(head, waiting)
    for row in rows:
        head.number, head.hash = _link(head, row)
    session.flush()  # numbers the rows
    head.event_id = rows[-1].id


def chain_waiting_events(session: Session, organization: str) -> int:
    """Chain at most CHAIN_BATCH events of an organization that wait for it; return their number."""
    head = _get_head(session, organization)
    waiting = _find_waiting(session, head, CHAIN_BATCH)
    _chain_later(head, waiting)
    return len(waiting)


def list_waiting_organizations(session: Session) -> Sequence[str]:
    """Return the organizations with events that wait to be chained."""
    head, event = AuditChainRow, AuditEventRow
    beyond = and_(event.organization_id == OrganizationRow.id, or_(head.event_id.is_(None), event.id > head.event_id))
    query = select(OrganizationRow.id).outerjoin(head, head.organization_id == OrganizationRow.id)
    return session.scalars(query.where(exists().where(beyond, event.hash.is_(None)))).all()


def get_state(session: Session, organization: str) -> ChainState:
    """Return where the chain of an organization begins and ends."""
    head = session.get(AuditChainRow, organization)
    if head is None:
        return ChainState(START, START, None)
    newest, anchor = _read_link(head.number, head.hash), _read_link(head.anchor_number, head.anchor_hash)
    return ChainState(newest, anchor, head.anchored_at)


def has_forgettable(session: Session, organization: str, end: datetime) -> bool:
    """Return whether `forget` would delete an event."""
    head = session.get(AuditChainRow, organization)
    return head is not None and bool(_find_forgettable(session, head, end, limit=1))


def forget(session: Session, organization: str, end: datetime, now: datetime) -> int:
    """
    Delete at most BATCH events before *end*, from the oldest on, and keep the last hash as the anchor of the chain.

    Events that wait to be chained stay. Return the number of deleted events.
    """
    head = _get_head(session, organization)
    rows = _find_forgettable(session, head, end, BATCH)
    if chained_rows := [row for row in rows if row.hash is not None]:
        head.anchor_number, head.anchor_hash = chained_rows[-1].number, chained_rows[-1].hash
        head.anchored_at = now
    session.execute(delete(AuditEventRow).where(AuditEventRow.id.in_([row.id for row in rows])))
    return len(rows)


def read_details(row: AuditEventRow) -> dict[str, Any] | None:
    """Return the details of an event; if they can't be read, a member that its hash doesn't match."""
    if row.details is None:
        return None
    what, organization = "details of an audit event", row.organization_id
    details = read_stored(partial(read_members, row.details), what, organization, id=str(row.id))
    return dict(_UNREADABLE) if details is None else details


def describe_event(row: AuditEventRow) -> dict[str, Any]:
    """
    Return the members of an event that its hash covers, and the hash; null where it isn't chained yet.

    If they can't be read, the number is null, and hashes are empty.
    """
    return {
        "number": None if row.number == UNREADABLE_NUMBER else row.number,
        "organization": row.organization_id,
        "time": row.at.astimezone(UTC).isoformat(),
        "user": row.user,
        "address": row.address,
        "requestId": row.request_id,
        "action": row.action,
        "subject": row.subject,
        "detail": row.detail,
        "details": read_details(row),
        "chainedLater": row.chained_later,
        "previousHash": _write_hash(row.previous_hash),
        "hash": _write_hash(row.hash),
    }


def list_unreadable(row: AuditEventRow) -> tuple[str, ...]:
    """Return the names of the values of an event that can't be read."""
    values = {
        "time": row.at is UNREADABLE_TIME,
        "details": read_details(row) == _UNREADABLE,
        "number": row.number == UNREADABLE_NUMBER,
        "previous hash": row.previous_hash == UNREADABLE_BYTES,
        "hash": row.hash == UNREADABLE_BYTES,
    }
    return tuple(name for name, is_unreadable in values.items() if is_unreadable)


def _get_head(session: Session, organization: str) -> AuditChainRow:
    head = session.get(AuditChainRow, organization)
    if head is None:
        nothing = bytes.fromhex(NO_HASH)
        head = AuditChainRow(
            organization_id=organization, number=0, hash=nothing, event_id=0, anchor_number=0, anchor_hash=nothing
        )
        session.add(head)
    elif head.event_id == UNREADABLE_NUMBER or _read_link(head.number, head.hash) is None:
        _continue_after_newest(session, head)
    return head


def _continue_after_newest(session: Session, head: AuditChainRow) -> None:
    """Let the chain continue after the newest event that can be read, or, if there is none, after the anchor."""
    event = AuditEventRow
    query = select(event).where(event.organization_id == head.organization_id, event.hash.is_not(None))
    for row in session.scalars(query.order_by(event.id.desc()).execution_options(yield_per=BATCH)):
        if row.number is not None and row.hash is not None and _read_link(row.number, row.hash):
            head.number, head.hash, head.event_id = row.number, row.hash, row.id
            break
    else:
        anchor = _read_link(head.anchor_number, head.anchor_hash) or START
        head.number, head.hash, head.event_id = anchor.number, bytes.fromhex(anchor.hash), 0
    log.error(
        "the stored end of the audit chain cannot be read; it continues after the newest event that can be read",
        organization=head.organization_id,
        number=head.number,
    )


def _read_link(number: int, digest: bytes) -> Link | None:
    """Return a place in the chain; None if its number or hash can't be read."""
    return None if number == UNREADABLE_NUMBER or digest == UNREADABLE_BYTES else Link(number, digest.hex())


def _write_hash(digest: bytes | None) -> str | None:
    if digest is None:
        return None
    return "" if digest == UNREADABLE_BYTES else digest.hex()


def _find_waiting(session: Session, head: AuditChainRow, limit: int) -> Sequence[AuditEventRow]:
    """Return the first events after the chain; one without a hash before its end was inserted by another program."""
    row = AuditEventRow
    query = select(row).where(row.organization_id == head.organization_id, row.id > head.event_id, row.hash.is_(None))
    return session.scalars(query.order_by(row.id).limit(limit)).all()


def _chain_later(head: AuditChainRow, rows: Sequence[AuditEventRow]) -> None:
    for row in rows:
        row.chained_later = True
        number, digest = _link(head, row)
        head.number, head.hash, head.event_id = number, digest, row.id


def _link(head: AuditChainRow, row: AuditEventRow) -> tuple[int, bytes]:
    """Chain *row* to *head*; return the number and hash that are the next head."""
    number = head.number + 1
    row.number, row.previous_hash = number, head.hash
    row.hash = digest = bytes.fromhex(hash_event(describe_event(row)))
    return number, digest


def _find_forgettable(session: Session, head: AuditChainRow, end: datetime, limit: int) -> list[Any]:
    row = AuditEventRow
    query = select(row.id, row.at, row.number, row.hash)
    query = query.where(row.organization_id == head.organization_id, row.id <= head.event_id)
    rows = session.execute(query.order_by(row.id).limit(limit)).all()
    return list(takewhile(lambda event: event.at < end, rows))
