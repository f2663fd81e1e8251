"""
Facts about endpoint certificates that lists are sorted by and searched in, as values of columns.

Versions before revision 0026 write rows without them, even after the migration, while they run next to this version:
`has_undescribed` finds such rows, and `describe` adds the facts. A row with a certificate that can't be read gets none;
without an expiry, lists leave it out.
"""

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import ColumnElement, or_, select, update
from sqlalchemy.orm import Session

from holdfast.certificates.certificate import Certificate, read_certificate
from holdfast.store.audit import Action
from holdfast.store.tables import AuditEventRow, EndpointCertificateRow, TrustedCertificateRow
from holdfast.store.unindexed import disable_index

log = structlog.get_logger()
BATCH = 500  # endpoint certificates in one transaction
_LONGEST = 200  # characters of a text in an index; PostgreSQL's entries have at most 2,700 bytes
_LONGEST_SEARCHED = 4_000
_IMPORTS = (Action.IMPORT_CERTIFICATE, Action.RESTORE_CERTIFICATE)


def derive_entry_facts(
    alias: str, endpoint: str, current: Sequence[Certificate], previous: Sequence[Certificate]
) -> dict[str, Any]:
    """Return the facts of an endpoint certificate, with the names of its first certificate and the first expiry."""
    names = [name for certificate in (*current, *previous) for name in (certificate.subject, certificate.issuer)]
    return {
        "common_name": _make_storable(current[0].title),
        "issuer": _make_storable(current[0].issuer_title),
        "expires_at": min(certificate.not_after for certificate in current),
        "search_text": _join([alias, endpoint, *names]),
        "issuer_text": _join([certificate.issuer for certificate in current]),
    }


def derive_certificate_facts(certificate: Certificate) -> dict[str, Any]:
    """Return the facts of one certificate."""
    return {
        "common_name": _make_storable(certificate.title),
        "issuer": _make_storable(certificate.issuer_title),
        "serial_number": f"{certificate.serial_number:x}"[:_LONGEST],
        "fingerprint": certificate.fingerprint,
        "not_before": certificate.not_before,
        "not_after": certificate.not_after,
        "is_ca": certificate.is_ca,
    }


def to_searchable(text: str) -> str:
    """Return *text* in the form in which it is searched: lower case, and without U+0000, which can't be stored."""
    return text.lower().replace("\0", "")


def has_undescribed(session: Session, organization: str | None = None) -> bool:
    """Return whether rows of an organization, or of any, lack facts, or have those from before their last change."""
    return bool(_find_undescribed(session, organization, 1))


def describe(session: Session, organization: str | None = None) -> int:
    """Add the facts to at most BATCH rows of an organization, or of any; return the number of rows."""
    ids = _find_undescribed(session, organization, BATCH)
    table = EndpointCertificateRow
    columns = (table.id, table.organization_id, table.alias, table.endpoint, table.created_at, table.created_by)
    rows = session.execute(select(*columns).where(table.id.in_(ids))).all()
    certificates = _read_certificates(session, ids)
    importers = _find_importers(session, [row.alias for row in rows if row.created_by is None])
    complete, incomplete, parts = [], [], []
    for row in rows:
        if row.id not in certificates:
            incomplete.append({"id": row.id, "expires_at": None})
            continue
        current = [certificate for _, certificate, previous in certificates[row.id] if not previous]
        earlier = [certificate for _, certificate, previous in certificates[row.id] if previous]
        facts = derive_entry_facts(row.alias, row.endpoint, current, earlier)
        importer = row.created_by or importers.get((row.organization_id, row.alias, row.created_at))
        complete.append({"id": row.id, "created_by": importer, **facts})
        parts += [
            {"endpoint_certificate_id": row.id, "position": position, **derive_certificate_facts(certificate)}
            for position, certificate, _ in certificates[row.id]
        ]
    for updated_table, values in ((table, complete), (table, incomplete), (TrustedCertificateRow, parts)):
        if values:
            session.execute(update(updated_table), values)
    session.execute(update(table).where(table.id.in_(ids)).values(described_at=table.updated_at))
    return len(ids)


def _find_undescribed(session: Session, organization: str | None, limit: int) -> Sequence[str]:
    table = EndpointCertificateRow
    # The condition of the index `endpoint_certificate_undescribed`, which contains only these rows.
    query = select(table.id).where(or_(table.described_at.is_(None), table.described_at != table.updated_at))
    if organization is not None:
        # So that SQLite doesn't choose an index with all rows of the organization.
        query = query.where(disable_index(table.organization_id) == organization)
    return session.scalars(query.limit(limit)).all()


def _read_certificates(session: Session, ids: Collection[str]) -> dict[str, list[tuple[int, Certificate, bool]]]:
    """Return the certificates by endpoint certificate, without those of which one can't be read."""
    table = TrustedCertificateRow
    query = select(table.endpoint_certificate_id, table.position, table.der, table.previous)
    certificates, damaged_ids = defaultdict(list), set()
    for row in session.execute(query.where(table.endpoint_certificate_id.in_(ids)).order_by(table.position)):
        try:
            certificate = row.position, read_certificate(row.der), row.previous
        except ValueError:
            log.exception("certificate cannot be read", endpoint_certificate=row.endpoint_certificate_id)
            damaged_ids.add(row.endpoint_certificate_id)
            continue
        certificates[row.endpoint_certificate_id].append(certificate)
    return {key: parts for key, parts in certificates.items() if key not in damaged_ids}


def _find_importers(session: Session, aliases: Collection[str]) -> dict[tuple[str, str, datetime], str]:
    """Return who imported these aliases, by organization, alias and time, according to the audit log."""
    table = AuditEventRow
    query = select(table.organization_id, table.subject, table.at, table.user)
    is_known: ColumnElement[bool] = table.subject.in_(aliases)
    rows = session.execute(query.where(is_known, table.action.in_(_IMPORTS)))
    return {(row.organization_id, row.subject, row.at): row.user for row in rows}


def _join(texts: Sequence[str]) -> str:
    return to_searchable("\n".join(dict.fromkeys(texts)))[:_LONGEST_SEARCHED]


def _make_storable(text: str) -> str:
    return text.replace("\0", "\\00")[:_LONGEST]
