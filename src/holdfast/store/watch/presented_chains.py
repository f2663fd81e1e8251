"""
Queries for the chains that backends presented.
"""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from holdfast.apis.watch.watched_endpoint import ChangeKind, WatchedEndpoint
from holdfast.certificates.certificate import Certificate, read_certificate
from holdfast.certificates.formats import der
from holdfast.store.stored_values import read_stored
from holdfast.store.tables import PresentedChainRow

KEEP_CHAINS = timedelta(days=400)  # since a backend last changed to the chain
MAX_OF_ENDPOINT = 50
_table = PresentedChainRow


@dataclass(frozen=True, slots=True)
class PresentedChain:
    """A chain that a backend presented: *first_at* first, *last_at* again after another one."""

    chain: str  # SHA-256
    first_at: datetime
    last_at: datetime
    changes: tuple[ChangeKind, ...]  # from the chain before it; empty for the first
    certificates: tuple[Certificate, ...]  # the backend's own first; none in a list if they can't be read


def record(session: Session, endpoint: WatchedEndpoint, presented_chain: PresentedChain) -> None:
    """Insert a chain that *endpoint* now presents, or note that it presents it again; delete the oldest beyond 50."""
    this = (_table.organization_id == endpoint.organization, _table.watched_endpoint_id == endpoint.id)
    again = update(_table).where(*this, _table.chain == presented_chain.chain).values(last_at=presented_chain.last_at)
    if session.scalars(again.returning(_table.id)).all():
        return
    session.add(
        PresentedChainRow(
            id=str(uuid.uuid4()),
            organization_id=endpoint.organization,
            watched_endpoint_id=endpoint.id,
            chain=presented_chain.chain,
            first_at=presented_chain.first_at,
            last_at=presented_chain.last_at,
            changes=[kind.value for kind in presented_chain.changes],
            certificates=b"".join(certificate.der for certificate in presented_chain.certificates),
        )
    )
    session.flush()
    surplus = select(_table.id).where(*this).order_by(_table.last_at.desc(), _table.id).offset(MAX_OF_ENDPOINT)
    session.execute(delete(_table).where(_table.id.in_(list(session.scalars(surplus)))))


def get(session: Session, endpoint: WatchedEndpoint, chain: str) -> PresentedChain | None:
    """Return a chain that *endpoint* presented, by its hash; None if it isn't stored, or can't be read."""
    this = (_table.organization_id == endpoint.organization, _table.watched_endpoint_id == endpoint.id)
    row = session.scalar(select(_table).where(*this, _table.chain == chain))
    presented_chain = read_chain(row) if row else None
    return presented_chain if presented_chain and presented_chain.certificates else None


def find(
    session: Session, endpoint: WatchedEndpoint, offset: int = 0, limit: int | None = None
) -> tuple[list[PresentedChain], int]:
    """Return a page of the chains that *endpoint* presented, the latest first, and their total number."""
    query = select(_table).where(
        _table.organization_id == endpoint.organization, _table.watched_endpoint_id == endpoint.id
    )
    total = session.scalar(select(func.count()).select_from(query.subquery())) or 0
    page = query.order_by(_table.last_at.desc(), _table.id).offset(offset).limit(limit)
    return [read_chain(row) for row in session.scalars(page)], total


def read_chain(row: PresentedChainRow) -> PresentedChain:
    """Return the chain in *row*, without what can't be read."""
    return PresentedChain(
        row.chain,
        row.first_at,
        row.last_at,
        read_stored(partial(_read_changes, row), "changes", row.organization_id, chain=row.chain) or (),
        read_stored(partial(_read_certificates, row), "presented chain", row.organization_id, chain=row.chain) or (),
    )


def _read_changes(row: PresentedChainRow) -> tuple[ChangeKind, ...]:
    return tuple(ChangeKind(kind) for kind in row.changes if kind in set(ChangeKind))


def _read_certificates(row: PresentedChainRow) -> tuple[Certificate, ...]:
    certificates = tuple(read_certificate(bytes(element.raw)) for element in der.read(row.certificates))
    if not certificates:
        raise ValueError("there is no certificate")
    return certificates
