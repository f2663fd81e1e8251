"""
Queries for caller certificates.
"""

import uuid
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from sqlalchemy import delete, func, or_, select
from sqlalchemy.orm import Session

from holdfast.apis.catalog.api import Api
from holdfast.apis.catalog.endpoint import ENVIRONMENTS, Environment
from holdfast.apis.identities.caller_certificate import AcceptedCaller, CallerCertificate, LostCertificate
from holdfast.store.parameters import ORGANIZATION, VALUES, bind
from holdfast.store.stored_values import read_stored, read_stored_certificate
from holdfast.store.tables import CallerCertificateRow

_OF_APIS = select(
    CallerCertificateRow.api_id,
    CallerCertificateRow.fingerprint,
    CallerCertificateRow.not_before,
    CallerCertificateRow.not_after,
    CallerCertificateRow.environment,
).where(CallerCertificateRow.organization_id == ORGANIZATION, CallerCertificateRow.api_id.in_(VALUES))


@dataclass(frozen=True, slots=True)
class ExpiringCaller:
    """A caller certificate by its API and alias, and its expiry (aware)."""

    api_id: str
    alias: str
    fingerprint: str
    not_after: datetime


def insert(session: Session, entry: CallerCertificate) -> None:
    """Insert a new caller certificate. Raises UnreadableData."""
    session.add(_write_row(entry, entry.require_readable().der))
    session.flush()


def update(session: Session, entry: CallerCertificate) -> None:
    """Update all values of an existing caller certificate; content that can't be read stays as it is."""
    table = CallerCertificateRow
    query = select(table.der).where(table.organization_id == entry.organization, table.id == entry.id)
    if stored_der := session.scalar(query):
        session.merge(_write_row(entry, entry.readable.der if entry.readable else stored_der))
        session.flush()


def remove(session: Session, entry: CallerCertificate) -> None:
    """Delete a caller certificate."""
    table = CallerCertificateRow
    session.execute(delete(table).where(table.organization_id == entry.organization, table.id == entry.id))


def copy(session: Session, source: Api, target: Api) -> None:
    """Copy the caller certificates of *source* to *target*. Raises UnreadableData."""
    for entry in find(session, source.organization, source.id)[0]:
        insert(session, replace(entry, id=str(uuid.uuid4()), organization=target.organization, api_id=target.id))


def get(session: Session, organization: str, api_id: str, alias: str) -> CallerCertificate | None:
    """Return the caller certificate of an API with this alias."""
    table = CallerCertificateRow
    query = select(table).where(table.organization_id == organization, table.api_id == api_id, table.alias == alias)
    row = session.scalar(query)
    return read_entry(row) if row else None


def get_alias(session: Session, organization: str, api_id: str, fingerprint: str) -> str | None:
    """Return the alias of an API's caller certificate with this fingerprint; None if there is none."""
    table = CallerCertificateRow
    of = (table.organization_id == organization, table.api_id == api_id)
    return session.scalar(select(table.alias).where(*of, table.fingerprint == fingerprint))


def find(
    session: Session,
    organization: str,
    api_id: str,
    alias: str = "",
    offset: int = 0,
    limit: int | None = None,
    environment: Environment | None = None,
) -> tuple[list[CallerCertificate], int]:
    """Return a page of an API's caller certificates, all or those of *environment*, by alias, and their number."""
    table = CallerCertificateRow
    query = select(table).where(table.organization_id == organization, table.api_id == api_id)
    if alias:
        query = query.where(table.alias == alias)
    if environment:
        query = query.where(or_(table.environment.is_(None), table.environment == environment))
    total = session.scalar(select(func.count()).select_from(query.subquery())) or 0
    page = query.order_by(table.alias).offset(offset).limit(limit)
    return [read_entry(row) for row in session.scalars(page)], total


def find_expiring(session: Session, organization: str, before: datetime) -> list[ExpiringCaller]:
    """Return the caller certificates of all APIs that expire before a time, or have, the first to expire first."""
    table = CallerCertificateRow
    columns = (table.api_id, table.alias, table.fingerprint, table.not_after)
    query = select(*columns).where(table.organization_id == organization, table.not_after < before)
    return [ExpiringCaller(*row) for row in session.execute(query.order_by(table.not_after, table.id))]


def find_accepted(
    session: Session, organization: str, api_ids: Collection[str]
) -> dict[str, frozenset[AcceptedCaller]]:
    """Return the accepted caller certificates of each of *api_ids*; gateways check their validity."""
    callers = {api_id: set[AcceptedCaller]() for api_id in api_ids}
    for parameters in bind(organization, api_ids):
        for row in session.execute(_OF_APIS, parameters):
            callers[row.api_id].add(
                AcceptedCaller(row.fingerprint, row.not_before, row.not_after, row.environment or "")
            )
    return {api_id: frozenset(accepted_callers) for api_id, accepted_callers in callers.items()}


def _write_row(entry: CallerCertificate, der: bytes) -> CallerCertificateRow:
    return CallerCertificateRow(
        id=entry.id,
        organization_id=entry.organization,
        api_id=entry.api_id,
        alias=entry.alias,
        tier=entry.tier,
        der=der,
        fingerprint=entry.certificate.fingerprint,
        not_before=entry.certificate.not_before,
        not_after=entry.certificate.not_after,
        created_at=entry.created_at,
        updated_at=entry.updated_at,
        environment=entry.environment,
    )


def read_entry(row: CallerCertificateRow) -> CallerCertificate:
    """Return the caller certificate in *row*, whose content may be unreadable."""
    read = partial(read_stored_certificate, row.der, row.fingerprint)
    certificate = read_stored(read, "caller certificate", row.organization_id, api=row.api_id, alias=row.alias)
    return CallerCertificate(
        id=row.id,
        organization=row.organization_id,
        api_id=row.api_id,
        alias=row.alias,
        tier=row.tier,
        certificate=certificate or LostCertificate(row.fingerprint, row.not_before, row.not_after),
        created_at=row.created_at,
        updated_at=row.updated_at,
        environment=_read_environment(row.environment),
    )


def _read_environment(text: str | None) -> Environment | None:
    return next((environment for environment in ENVIRONMENTS if environment == text), None)
