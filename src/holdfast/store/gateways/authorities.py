"""
Queries for the CA of gateways.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from holdfast.store.tables import GatewayAuthorityRow


@dataclass(frozen=True, slots=True)
class SealedAuthority:
    """The certificate of the CA, and its sealed key."""

    id: str
    organization: str
    der: bytes
    sealed_key: bytes = field(repr=False)


def get(session: Session, organization: str) -> SealedAuthority | None:
    """Return the CA; None if there is none yet."""
    row = session.scalar(select(GatewayAuthorityRow).where(GatewayAuthorityRow.organization_id == organization))
    return SealedAuthority(row.id, row.organization_id, row.der, row.sealed_key) if row else None


def insert(session: Session, authority: SealedAuthority, now: datetime) -> None:
    """Insert the CA."""
    row = GatewayAuthorityRow(
        id=authority.id,
        organization_id=authority.organization,
        der=authority.der,
        sealed_key=authority.sealed_key,
        created_at=now,
    )
    session.add(row)
    session.flush()


def remove(session: Session, organization: str) -> None:
    """Delete the CA, if there is one."""
    session.execute(delete(GatewayAuthorityRow).where(GatewayAuthorityRow.organization_id == organization))


def replace_sealed_keys(session: Session, organization: str, reseal: Callable[[bytes, str], bytes]) -> None:
    """Replace the sealed key with the result of *reseal*, which gets the sealed key and its row's id."""
    row = session.scalar(select(GatewayAuthorityRow).where(GatewayAuthorityRow.organization_id == organization))
    if row:
        row.sealed_key = reseal(row.sealed_key, row.id)
        session.flush()
