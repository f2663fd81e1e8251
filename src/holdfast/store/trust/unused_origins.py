"""
Queries for unused origins: those with certificates or settings, which no API of the organization uses.
"""

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, func, select, union
from sqlalchemy.orm import Session

from holdfast.store import api_origins
from holdfast.store.tables import (
    EndpointCertificateRow,
    GatewayIdentityRow,
    TrustSettingsRow,
)

OriginTable = type[EndpointCertificateRow] | type[TrustSettingsRow] | type[GatewayIdentityRow]
_TABLES: tuple[OriginTable, ...] = (EndpointCertificateRow, TrustSettingsRow, GatewayIdentityRow)


def is_unused(table: OriginTable | Any) -> ColumnElement[bool]:
    """
    Return the condition that no API uses the origin of a row of *table*.

    *table* can also be the columns of a subquery.
    """
    return api_origins.is_unused(table.organization_id, table.origin)


def find(session: Session, organization: str, among: Collection[str] | None = None) -> list[str]:
    """Return the unused origins, *among* these or all, in order."""
    return sorted(session.scalars(union(*(_select_unused(table, organization, among) for table in _TABLES))))


def list_with_certificates(session: Session, organization: str, limit: int | None = None) -> Sequence[str]:
    """Return the unused origins with endpoint certificates, at most the first *limit*, in order."""
    table = EndpointCertificateRow
    # Each origin once, because there are fewer than certificates, and their index has all that is needed.
    origins = select(table.organization_id, table.origin).where(table.organization_id == organization).distinct()
    distinct_origins = origins.subquery()
    query = (
        select(distinct_origins.c.origin)
        .where(is_unused(distinct_origins.c))
        .order_by(distinct_origins.c.origin)
        .limit(limit)
    )
    return session.scalars(query).all()


def count_certificates(session: Session, organization: str, limit: int) -> int:
    """Return the number of endpoint certificates for unused origins, or *limit* if there are more."""
    table = EndpointCertificateRow
    query = select(table.id).where(table.organization_id == organization, is_unused(table)).limit(limit)
    return session.scalar(select(func.count()).select_from(query.subquery())) or 0


def _select_unused(table: OriginTable, organization: str, among: Collection[str] | None) -> Select[str]:
    query = select(table.origin).where(table.organization_id == organization, is_unused(table))
    return query if among is None else query.where(table.origin.in_(among))
