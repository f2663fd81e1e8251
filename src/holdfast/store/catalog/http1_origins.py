"""
Origins that rejected HTTP/2, which gateways speak HTTP/1.1 with where the protocol is automatic.
"""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from holdfast.store.tables import Http1OriginRow


def add(session: Session, organization: str, origin: str, now: datetime) -> bool:
    """Remember an origin; say whether it is new."""
    if session.get(Http1OriginRow, (organization, origin)):
        return False
    session.add(Http1OriginRow(organization_id=organization, origin=origin, since=now))
    return True


def all_of(session: Session, organization: str) -> dict[str, datetime]:
    """The origins of an organization, with the time since when."""
    query = select(Http1OriginRow).where(Http1OriginRow.organization_id == organization)
    return {row.origin: row.since for row in session.scalars(query)}


def remove(session: Session, organization: str, origins: Collection[str]) -> list[str]:
    """Forget *origins*; give those that there were."""
    table = Http1OriginRow
    query = delete(table).where(table.organization_id == organization, table.origin.in_(origins))
    return sorted(session.scalars(query.returning(table.origin)))
