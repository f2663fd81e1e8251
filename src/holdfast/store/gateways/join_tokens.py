"""
Queries for join tokens. Only hashes are stored.
"""

from dataclasses import dataclass
from datetime import datetime
from functools import partial

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from holdfast.apis.gateways.gateway import Gateway, Placement
from holdfast.store.stored_values import read_stored, read_text_members
from holdfast.store.tables import GatewayRow, JoinTokenRow


@dataclass(frozen=True, slots=True)
class StoredToken:
    """A join token without its secret, and the gateway that it is for; *used_at* is None until it is used."""

    gateway: str
    placement: Placement
    expires_at: datetime  # aware, UTC
    used_at: datetime | None


def replace_unused(
    session: Session, gateway: Gateway, placement: Placement, token_hash: str, now: datetime, expires_at: datetime
) -> None:
    """Insert a token for *gateway*, and delete the one that it wasn't used with yet."""
    own = (JoinTokenRow.organization_id == gateway.organization, JoinTokenRow.gateway_id == gateway.id)
    session.execute(delete(JoinTokenRow).where(*own, JoinTokenRow.used_at.is_(None)))
    row = JoinTokenRow(
        token_hash=token_hash,
        organization_id=gateway.organization,
        gateway_id=gateway.id,
        group_name=placement.group,
        labels=dict(placement.labels),
        created_at=now,
        expires_at=expires_at,
    )
    session.add(row)
    session.flush()


def get(session: Session, organization: str, token_hash: str) -> StoredToken | None:
    """Return the token with this hash, even if it was used or has expired."""
    query = (
        select(JoinTokenRow, GatewayRow.name)
        .join(GatewayRow, GatewayRow.id == JoinTokenRow.gateway_id)
        .where(JoinTokenRow.organization_id == organization, JoinTokenRow.token_hash == token_hash)
    )
    row = session.execute(query).first()
    if row is None:
        return None
    token, name = row
    labels = read_stored(partial(read_text_members, token.labels), "labels of a join token", organization, gateway=name)
    return StoredToken(name, Placement(token.group_name, labels or {}), token.expires_at, token.used_at)


def use(session: Session, organization: str, token_hash: str, now: datetime) -> bool:
    """Mark a token as used; return False if it doesn't exist, has expired, or was used by another transaction."""
    valid = (
        JoinTokenRow.organization_id == organization,
        JoinTokenRow.token_hash == token_hash,
        JoinTokenRow.used_at.is_(None),
        JoinTokenRow.expires_at > now,
    )
    statement = update(JoinTokenRow).where(*valid).values(used_at=now).returning(JoinTokenRow.expires_at)
    expires_at = session.scalar(statement)
    # SQLite compares texts: one that isn't a time may be greater than every time.
    return expires_at is not None and expires_at > now
