"""
Queries for the certificates that gateways may connect with.
"""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from holdfast.apis.gateways.gateway import Gateway, IssuedCertificate
from holdfast.store.tables import GatewayCertificateRow, GatewayRow


def insert(session: Session, gateway: Gateway, certificate: IssuedCertificate) -> None:
    """Insert a certificate of *gateway*."""
    row = GatewayCertificateRow(
        fingerprint=certificate.fingerprint,
        organization_id=gateway.organization,
        gateway_id=gateway.id,
        not_before=certificate.not_before,
        not_after=certificate.not_after,
        issued_at=certificate.issued_at,
    )
    session.add(row)
    session.flush()


def remove_others(session: Session, gateway: Gateway, keep: Collection[str]) -> None:
    """Delete all certificates of *gateway* except those with the fingerprints *keep*."""
    table = GatewayCertificateRow
    others = (table.organization_id == gateway.organization, table.gateway_id == gateway.id)
    session.execute(delete(table).where(*others, table.fingerprint.not_in(keep)))


def get_holder(session: Session, organization: str, fingerprint: str, now: datetime) -> tuple[str, str] | None:
    """Return the name and the group of the gateway that may connect with this certificate at *now*; None if none."""
    table = GatewayCertificateRow
    query = (
        select(GatewayRow.name, GatewayRow.group_name, table.not_after)
        .join(table, table.gateway_id == GatewayRow.id)
        .where(table.organization_id == organization, table.fingerprint == fingerprint, table.not_after > now)
    )
    row = session.execute(query).first()
    # SQLite compares texts: one that isn't a time may be greater than every time.
    return (row[0], row[1]) if row and row[2] > now else None


def are_valid(session: Session, organization: str, now: datetime) -> bool:
    """Return whether any gateway has a certificate that is valid at *now*."""
    table = GatewayCertificateRow
    query = select(table.fingerprint).where(table.organization_id == organization, table.not_after > now)
    return session.scalar(query.limit(1)) is not None


def list_expiries(session: Session, organization: str, fingerprints: Collection[str]) -> dict[str, datetime]:
    """Return when those of these certificates expire that gateways may connect with, by fingerprint."""
    table = GatewayCertificateRow
    query = select(table.fingerprint, table.not_after).where(
        table.organization_id == organization, table.fingerprint.in_(fingerprints)
    )
    return {row[0]: row[1] for row in session.execute(query)}
