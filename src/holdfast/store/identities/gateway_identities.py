"""
Queries for gateway identities.
"""

from collections.abc import Callable, Collection
from functools import partial

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from holdfast.apis.identities.gateway_identity import GatewayIdentity, PendingRequest
from holdfast.certificates.certificate import Certificate, read_certificate
from holdfast.certificates.signing_requests import read_signing_request
from holdfast.store.parameters import ORGANIZATION, VALUES, bind
from holdfast.store.stored_values import read_stored
from holdfast.store.tables import GatewayIdentityRow, IdentityChainRow

_OF_ORIGINS = select(GatewayIdentityRow).where(
    GatewayIdentityRow.organization_id == ORGANIZATION, GatewayIdentityRow.origin.in_(VALUES)
)


def save(session: Session, entry: GatewayIdentity) -> None:
    """Insert or update a gateway identity."""
    table = GatewayIdentityRow
    if session.scalar(select(table.id).where(table.organization_id == entry.organization, table.id == entry.id)):
        session.merge(_write_row(entry))
    else:
        session.add(_write_row(entry))
    session.flush()


def remove(session: Session, entry: GatewayIdentity) -> None:
    """Delete a gateway identity and its keys."""
    table = GatewayIdentityRow
    session.execute(delete(table).where(table.organization_id == entry.organization, table.id == entry.id))


def get(session: Session, organization: str, origin: str) -> GatewayIdentity | None:
    """Return the gateway identity for this origin."""
    table = GatewayIdentityRow
    row = session.scalar(select(table).where(table.organization_id == organization, table.origin == origin))
    return read_entry(row) if row else None


def list_by_origin(session: Session, organization: str, origins: Collection[str]) -> dict[str, GatewayIdentity]:
    """Return the gateway identities for these origins, by origin."""
    rows = (row for parameters in bind(organization, origins) for row in session.scalars(_OF_ORIGINS, parameters))
    return {row.origin: read_entry(row) for row in rows}


def list_of_organization(session: Session, organization: str) -> list[GatewayIdentity]:
    """Return all gateway identities, by origin."""
    table = GatewayIdentityRow
    origins = session.scalars(select(table.origin).where(table.organization_id == organization).order_by(table.origin))
    return list(list_by_origin(session, organization, origins.all()).values())


def replace_sealed_keys(session: Session, organization: str, reseal: Callable[[bytes, str], bytes]) -> None:
    """Replace each sealed key with the result of *reseal*, which gets the sealed key and its row's id."""
    table = GatewayIdentityRow
    for row in session.scalars(select(table).where(table.organization_id == organization)):
        row.sealed_key = row.sealed_key and reseal(row.sealed_key, row.id)
        row.request_sealed_key = row.request_sealed_key and reseal(row.request_sealed_key, row.id)
    session.flush()


def _write_row(entry: GatewayIdentity) -> GatewayIdentityRow:
    pending = entry.pending
    return GatewayIdentityRow(
        id=entry.id,
        organization_id=entry.organization,
        endpoint=entry.endpoint,
        origin=entry.origin,
        sealed_key=entry.sealed_key,
        request_der=pending.request.der if pending else None,
        request_sealed_key=pending.sealed_key if pending else None,
        request_made_at=pending.made_at if pending else None,
        created_at=entry.created_at,
        updated_at=entry.updated_at,
        chain=[
            IdentityChainRow(
                client_certificate_id=entry.id, position=n, organization_id=entry.organization, der=certificate.der
            )
            for n, certificate in enumerate(entry.chain)
        ],
    )


def read_entry(row: GatewayIdentityRow) -> GatewayIdentity:
    """Return the gateway identity in *row*, whose chain is empty if it can't be read."""
    return GatewayIdentity(
        id=row.id,
        organization=row.organization_id,
        origin=row.origin,
        endpoint=row.endpoint,
        chain=_read_chain(row),
        sealed_key=row.sealed_key,
        pending=_read_pending_request(row),
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def _read_chain(row: GatewayIdentityRow) -> tuple[Certificate, ...]:
    """Return the chain, empty if it can't be read."""

    def read() -> tuple[Certificate, ...]:
        return tuple(read_certificate(certificate.der) for certificate in row.chain)

    return read_stored(read, "gateway identity", row.organization_id, origin=row.origin) or ()


def _read_pending_request(row: GatewayIdentityRow) -> PendingRequest | None:
    """Return the request that waits for a certificate; None if there is none, or it can't be read."""
    der, sealed_key, made_at = row.request_der, row.request_sealed_key, row.request_made_at
    if der is None or sealed_key is None or made_at is None:
        return None
    read = partial(read_signing_request, der)
    request = read_stored(read, "signing request", row.organization_id, origin=row.origin)
    return PendingRequest(request, sealed_key, made_at) if request else None
