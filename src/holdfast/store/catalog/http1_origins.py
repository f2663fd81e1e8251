"""
Queries for origins that rejected HTTP/2, for which gateways use HTTP/1.1 if the protocol is automatic.
"""

from collections.abc import Collection, Iterable
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from holdfast.store.parameters import ORGANIZATION, VALUES, bind
from holdfast.store.tables import Http1OriginRow

_AMONG = select(Http1OriginRow).where(Http1OriginRow.organization_id == ORGANIZATION, Http1OriginRow.origin.in_(VALUES))


def add(session: Session, organization: str, origin: str, now: datetime) -> bool:
    """Insert an origin; return whether it is new."""
    if session.get(Http1OriginRow, (organization, origin)):
        return False
    session.add(Http1OriginRow(organization_id=organization, origin=origin, since=now))
    return True


def list_among(session: Session, organization: str, origins: Iterable[str]) -> dict[str, datetime]:
    """Return those of *origins* that rejected HTTP/2, with the time when each was added."""
    rows = (row for parameters in bind(organization, origins) for row in session.scalars(_AMONG, parameters))
    return {row.origin: row.since for row in rows}


def remove(session: Session, organization: str, origins: Collection[str]) -> list[str]:
    """Delete *origins*; return those that existed."""
    table = Http1OriginRow
    query = delete(table).where(table.organization_id == organization, table.origin.in_(origins))
    return sorted(session.scalars(query.returning(table.origin)))
