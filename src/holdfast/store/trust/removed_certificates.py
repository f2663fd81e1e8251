"""
Queries for removed certificates, which are no longer trusted and can be restored for a while.
"""

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, delete, func, select
from sqlalchemy.orm import Session

from holdfast.apis.trust.endpoint_certificate import Removal, RemovedCertificate
from holdfast.certificates.certificate import Certificate, read_certificate
from holdfast.certificates.formats import der
from holdfast.store.stored_values import read_choice, read_stored
from holdfast.store.tables import RemovedCertificateRow

KEEP_REMOVED = timedelta(days=30)
MAX_OF_ALIAS = 20  # replaced and retired certificates
MAX_OF_ORGANIZATION = 1000


def insert(session: Session, *certificates: RemovedCertificate) -> None:
    """Insert removed certificates of one organization, and delete the oldest ones beyond the limits."""
    session.add_all(map(_write_row, certificates))
    session.flush()
    table = RemovedCertificateRow
    own = table.organization_id == certificates[0].organization
    _limit(session, MAX_OF_ORGANIZATION, own)
    for entry_id in {certificate.entry_id for certificate in certificates if certificate.why is not Removal.DELETED}:
        of_entry = table.endpoint_certificate_id == entry_id
        _limit(session, MAX_OF_ALIAS, own, of_entry, table.why != Removal.DELETED)


def _limit(session: Session, limit: int, *where: ColumnElement[bool]) -> None:
    table = RemovedCertificateRow
    query = select(table.id).where(*where).order_by(table.removed_at.desc(), table.id).offset(limit)
    if surplus := list(session.scalars(query)):
        session.execute(delete(table).where(*where, table.id.in_(surplus)))


def remove(session: Session, removed_certificate: RemovedCertificate) -> None:
    """Delete a removed certificate, because it is restored."""
    table = RemovedCertificateRow
    session.execute(
        delete(table).where(
            table.organization_id == removed_certificate.organization, table.id == removed_certificate.id
        )
    )


def get(session: Session, organization: str, removed_id: str, now: datetime) -> RemovedCertificate | None:
    """Return the removed certificate with this id if it can still be restored."""
    table = RemovedCertificateRow
    query = select(table).where(table.organization_id == organization, table.id == removed_id)
    row = session.scalar(query.where(table.removed_at > now - KEEP_REMOVED))
    return read_removed(row) if row else None


def get_latest_replaced(session: Session, organization: str, entry_id: str, now: datetime) -> RemovedCertificate | None:
    """Return the last removal of an endpoint certificate by replacing or retiring, if it can still be restored."""
    table = RemovedCertificateRow
    query = select(table).where(table.organization_id == organization, table.endpoint_certificate_id == entry_id)
    query = query.where(table.why != Removal.DELETED, table.removed_at > now - KEEP_REMOVED)
    row = session.scalar(query.order_by(table.removed_at.desc(), table.id).limit(1))
    return read_removed(row) if row else None


def find(
    session: Session, organization: str, now: datetime, offset: int = 0, limit: int | None = None
) -> tuple[list[RemovedCertificate], int]:
    """Return a page of the removed certificates that can still be restored, newest first, and their total number."""
    table = RemovedCertificateRow
    query = select(table).where(table.organization_id == organization, table.removed_at > now - KEEP_REMOVED)
    total = session.scalar(select(func.count()).select_from(query.subquery())) or 0
    page = query.order_by(table.removed_at.desc(), table.id).offset(offset).limit(limit)
    return [read_removed(row) for row in session.scalars(page)], total


def _write_row(removed_certificate: RemovedCertificate) -> RemovedCertificateRow:
    return RemovedCertificateRow(
        id=removed_certificate.id,
        organization_id=removed_certificate.organization,
        endpoint_certificate_id=removed_certificate.entry_id,
        alias=removed_certificate.alias,
        endpoint=removed_certificate.endpoint,
        origin=removed_certificate.origin,
        why=removed_certificate.why.value,
        certificates=b"".join(certificate.der for certificate in removed_certificate.certificates),
        previous=b"".join(certificate.der for certificate in removed_certificate.previous),
        created_at=removed_certificate.created_at,
        replaced_at=removed_certificate.replaced_at,
        removed_at=removed_certificate.removed_at,
        removed_by=removed_certificate.removed_by,
        created_by=removed_certificate.created_by or None,
    )


def read_removed(row: RemovedCertificateRow) -> RemovedCertificate:
    """Return the removed certificate in *row*, without certificates if they can't be read."""

    def read() -> tuple[tuple[Certificate, ...], tuple[Certificate, ...]]:
        certificates = _read_certificates(row.certificates)
        if not certificates:
            raise ValueError("there is no certificate")
        return certificates, _read_certificates(row.previous)

    chains = read_stored(read, "removed certificate", row.organization_id, alias=row.alias, id=row.id)
    certificates, previous = chains or ((), ())
    return RemovedCertificate(
        id=row.id,
        organization=row.organization_id,
        entry_id=row.endpoint_certificate_id,
        alias=row.alias,
        endpoint=row.endpoint,
        origin=row.origin,
        why=read_choice(Removal, row.why, Removal.REPLACED),
        certificates=certificates,
        previous=previous,
        created_at=row.created_at,
        replaced_at=row.replaced_at,
        removed_at=row.removed_at,
        removed_by=row.removed_by,
        created_by=row.created_by or "",
    )


def _read_certificates(content: bytes) -> tuple[Certificate, ...]:
    return tuple(read_certificate(bytes(element.raw)) for element in der.read(content))
