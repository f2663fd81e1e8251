"""
Queries for endpoint certificates.
"""

from collections.abc import Collection
from datetime import datetime
from functools import lru_cache, partial
from itertools import chain

from sqlalchemy import delete, func, select
from sqlalchemy import update as change
from sqlalchemy.orm import Session, joinedload

from holdfast.apis.label import LabeledKind
from holdfast.apis.trust.endpoint_certificate import EndpointCertificate, Generation, Observation
from holdfast.certificates.certificate import Certificate
from holdfast.store import labels
from holdfast.store.chunks import split_values
from holdfast.store.labels import has_label
from holdfast.store.parameters import ORGANIZATION, VALUES, bind
from holdfast.store.stored_values import read_stored, read_stored_certificate
from holdfast.store.tables import EndpointCertificateRow, TrustedCertificateRow
from holdfast.store.trust.endpoint_search import is_at
from holdfast.store.trust.facts import derive_certificate_facts, derive_entry_facts
from holdfast.store.trust.unused_origins import is_unused

_CACHE_SIZE = 4096  # cached certificates, about 2 KB each
_OF_ORIGINS = (
    select(EndpointCertificateRow)
    .where(EndpointCertificateRow.organization_id == ORGANIZATION, EndpointCertificateRow.origin.in_(VALUES))
    .options(joinedload(EndpointCertificateRow.certificates))
)
_SMALL = 8 * 1024  # bytes of the largest cached certificate


def insert(session: Session, entry: EndpointCertificate) -> None:
    """Insert a new endpoint certificate."""
    session.add(_write_row(entry))
    session.flush()


def update(session: Session, entry: EndpointCertificate) -> None:
    """Update all values of an existing endpoint certificate."""
    table = EndpointCertificateRow
    if session.scalar(select(table.id).where(table.organization_id == entry.organization, table.id == entry.id)):
        session.merge(_write_row(entry))
        session.flush()


def remove(session: Session, *entries: EndpointCertificate) -> None:
    """Delete endpoint certificates of one organization, with their X.509 certificates."""
    table, organization = EndpointCertificateRow, entries[0].organization
    for chunk in split_values(entry.id for entry in entries):
        statement = delete(table).where(table.organization_id == organization, table.id.in_(chunk))
        # To compare the statement with each row that the session has read takes longer the more are deleted.
        session.execute(statement, execution_options={"synchronize_session": False})
    labels.remove(session, organization, LabeledKind.CERTIFICATE, *(entry.alias for entry in entries))


def get(session: Session, organization: str, alias: str) -> EndpointCertificate | None:
    """Return the endpoint certificate with this alias."""
    table = EndpointCertificateRow
    row = session.scalar(select(table).where(table.organization_id == organization, table.alias == alias))
    return read_entry(row) if row else None


def list_with_aliases(session: Session, organization: str, aliases: Collection[str]) -> list[EndpointCertificate]:
    """Return the endpoint certificates with these aliases that exist, ordered by alias."""
    table = EndpointCertificateRow
    query = select(table).where(table.organization_id == organization, table.alias.in_(aliases))
    return [read_entry(row) for row in session.scalars(query.order_by(table.alias))]


def get_by_id(session: Session, organization: str, entry_id: str) -> EndpointCertificate | None:
    """Return the endpoint certificate with this id."""
    table = EndpointCertificateRow
    row = session.scalar(select(table).where(table.organization_id == organization, table.id == entry_id))
    return read_entry(row) if row else None


def find(
    session: Session,
    organization: str,
    alias: str = "",
    endpoint: str = "",
    offset: int = 0,
    limit: int | None = None,
    *,
    label: str = "",
    unused: bool = False,
) -> tuple[list[EndpointCertificate], int]:
    """
    Return a page of the endpoint certificates with this alias and endpoint, ordered by alias, and their total number.

    With *label*, return only those with this label; with *unused*, those for origins at which no API has an endpoint.
    """
    table = EndpointCertificateRow
    query = select(table).where(table.organization_id == organization)
    if alias:
        query = query.where(table.alias == alias)
    if endpoint:
        query = query.where(is_at(table.origin, endpoint))
    if label:
        query = query.where(has_label(organization, LabeledKind.CERTIFICATE, table.alias, label))
    if unused:
        query = query.where(is_unused(table))
    total = session.scalar(select(func.count()).select_from(query.subquery())) or 0
    page = query.order_by(table.alias).offset(offset).limit(limit)
    return [read_entry(row) for row in session.scalars(page)], total


def list_of_origins(session: Session, organization: str, origins: Collection[str]) -> list[EndpointCertificate]:
    """Return the endpoint certificates for these origins, ordered by alias."""
    queries = (session.scalars(_OF_ORIGINS, parameters).unique() for parameters in bind(organization, origins))
    # Sorted here: for an ORDER BY, SQLite would read all endpoint certificates in the order of their aliases.
    return [read_entry(row) for row in sorted(chain.from_iterable(queries), key=lambda row: row.alias)]


def list_trusted_besides(session: Session, entry: EndpointCertificate) -> list[tuple[str, Certificate]]:
    """Return what the origin of *entry* trusts besides *entry*: alias and certificate, ordered by alias."""
    others = (other for other in list_of_origins(session, entry.organization, [entry.origin]) if other.id != entry.id)
    # What can't be read isn't trusted, and can't be confused with what is.
    return [(other.alias, certificate) for other in others for certificate in other.readable]


def list_aliases_with(
    session: Session, organization: str, origin: str, certificates: Collection[Certificate], but: str
) -> dict[str, str]:
    """Return the aliases, except *but*, under which *origin* trusts each of *certificates*, by fingerprint."""
    table = EndpointCertificateRow
    query = select(table.alias, TrustedCertificateRow.der).join(
        TrustedCertificateRow, TrustedCertificateRow.endpoint_certificate_id == table.id
    )
    query = query.where(table.organization_id == organization, table.origin == origin, table.alias != but)
    query = query.where(TrustedCertificateRow.der.in_([certificate.der for certificate in certificates]))
    prints = {certificate.der: certificate.fingerprint for certificate in certificates}
    # If there are several, the first alias wins.
    rows = sorted(session.execute(query), key=lambda row: row.alias, reverse=True)
    return {prints[row.der]: row.alias for row in rows}


def list_in_rotation(session: Session, limit: int, *, unseen: bool = False) -> list[tuple[str, str]]:
    """
    Return organization and id of endpoint certificates with previous certificates, in all organizations.

    Those that haven't been probed for the longest time come first; with *unseen*, only those never probed.
    """
    table = EndpointCertificateRow
    previous = select(TrustedCertificateRow.endpoint_certificate_id).where(TrustedCertificateRow.previous)
    query = select(table.organization_id, table.id).where(table.id.in_(previous))
    if unseen:
        query = query.where(table.looked_at.is_(None))
    rows = session.execute(query.order_by(table.looked_at.asc().nulls_first(), table.id).limit(limit))
    return [(row.organization_id, row.id) for row in rows]


def observe(session: Session, entry: EndpointCertificate) -> None:
    """Update the observation of *entry*, unless its trust has changed since it was read."""
    table = EndpointCertificateRow
    is_unchanged = (
        table.organization_id == entry.organization,
        table.id == entry.id,
        table.updated_at == entry.updated_at,
    )
    session.execute(change(table).where(*is_unchanged).values(_write_observation(entry)))


def _write_row(entry: EndpointCertificate) -> EndpointCertificateRow:
    certificates = [
        TrustedCertificateRow(
            endpoint_certificate_id=entry.id,
            position=n,
            organization_id=entry.organization,
            der=certificate.der,
            previous=n >= len(entry.certificates),
            **derive_certificate_facts(certificate),
        )
        for n, certificate in enumerate(entry.trusted)
    ]
    return EndpointCertificateRow(
        id=entry.id,
        organization_id=entry.organization,
        alias=entry.alias,
        endpoint=entry.endpoint,
        origin=entry.origin,
        certificates=certificates,
        created_at=entry.created_at,
        updated_at=entry.updated_at,
        replaced_at=entry.replaced_at,
        created_by=entry.created_by or None,
        described_at=entry.updated_at,
        **derive_entry_facts(entry.alias, entry.endpoint, entry.certificates, entry.previous),
        **_write_observation(entry),
    )


def _write_observation(entry: EndpointCertificate) -> dict[str, datetime | str | None]:
    observation = entry.observation
    return {
        "looked_at": observation.looked_at,
        "observed_at": observation.at,
        "observed": observation.generation,
        "current_first_seen_at": observation.current_first_seen_at,
        "previous_last_needed_at": observation.previous_last_needed_at,
    }


def read_entry(row: EndpointCertificateRow) -> EndpointCertificate:
    """Return the endpoint certificate in *row*, without certificates if one of them can't be read."""
    current, previous = _read_certificates(row)
    return EndpointCertificate(
        id=row.id,
        organization=row.organization_id,
        alias=row.alias,
        endpoint=row.endpoint,
        origin=row.origin,
        certificates=current,
        created_at=row.created_at,
        updated_at=row.updated_at,
        previous=previous,
        replaced_at=row.replaced_at,
        observation=Observation(
            looked_at=row.looked_at,
            at=row.observed_at,
            generation=_read_generation(row) if row.observed else None,
            current_first_seen_at=row.current_first_seen_at,
            previous_last_needed_at=row.previous_last_needed_at,
        ),
        created_by=row.created_by or "",
    )


def _read_generation(row: EndpointCertificateRow) -> Generation | None:
    return read_stored(partial(Generation, row.observed or ""), "observation", row.organization_id, alias=row.alias)


def _read_certificates(row: EndpointCertificateRow) -> tuple[tuple[Certificate, ...], tuple[Certificate, ...]]:
    """Return the current and the previous certificates; none if one of them can't be read."""
    # Versions before revision 0026 leave the fingerprint of an earlier certificate.
    has_fingerprints = row.described_at == row.updated_at

    def read() -> list[tuple[Certificate, bool]]:
        return [
            (_read_certificate(part.der, part.fingerprint if has_fingerprints else None), part.previous)
            for part in row.certificates
        ]

    certificates = read_stored(read, "certificate", row.organization_id, alias=row.alias) or []
    current = tuple(certificate for certificate, previous in certificates if not previous)
    return current, tuple(certificate for certificate, previous in certificates if previous and current)


def _read_certificate(der: bytes, fingerprint: str | None) -> Certificate:
    # Each change reads all certificates of its origin again, partly during a writer's turn.
    return _read_cached(der, fingerprint) if len(der) <= _SMALL else read_stored_certificate(der, fingerprint)


_read_cached = lru_cache(_CACHE_SIZE)(read_stored_certificate)
