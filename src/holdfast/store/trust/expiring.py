"""
Queries for certificates that expire, one by one, whatever alias they belong to.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from holdfast.store.tables import EndpointCertificateRow, TrustedCertificateRow
from holdfast.store.trust.unused_origins import is_unused


@dataclass(frozen=True, slots=True)
class ExpiringCertificate:
    """A certificate that is trusted, and when it expires."""

    entry_id: str  # of the endpoint certificate
    alias: str
    endpoint: str
    origin: str
    common_name: str
    issuer: str
    fingerprint: str
    is_ca: bool
    not_after: datetime
    previous: bool  # replaced, but still trusted
    used: bool  # an API has an endpoint at the origin


def find(
    session: Session,
    organization: str,
    before: datetime,
    after: datetime | None = None,
    limit: int | None = None,
    *,
    only_cas: bool = False,
) -> list[ExpiringCertificate]:
    """Return the certificates that expire before *before*, and not before *after*; the first to expire first."""
    entry, certificate = EndpointCertificateRow, TrustedCertificateRow
    columns: list[ColumnElement[Any] | InstrumentedAttribute[Any]] = [
        *(entry.id, entry.alias, entry.endpoint, entry.origin),
        *(certificate.common_name, certificate.issuer, certificate.fingerprint, certificate.is_ca),
        *(certificate.not_after, certificate.previous, ~is_unused(entry)),
    ]
    query = select(*columns).join(entry, entry.id == certificate.endpoint_certificate_id)
    query = query.where(certificate.organization_id == organization, certificate.not_after < before)
    if after:
        query = query.where(certificate.not_after >= after)
    if only_cas:
        query = query.where(certificate.is_ca.is_(True))
    query = query.order_by(certificate.not_after, entry.id, certificate.position).limit(limit)
    return [ExpiringCertificate(*row) for row in session.execute(query)]


def count(session: Session, organization: str, before: datetime, after: datetime | None = None) -> int:
    """Return the number of certificates that `find` returns without a limit."""
    table = TrustedCertificateRow
    query = select(func.count()).where(table.organization_id == organization, table.not_after < before)
    if after:
        query = query.where(table.not_after >= after)
    return session.scalar(query) or 0
