"""
Queries for unused origins: those with certificates or settings, at which no API of the organization has an endpoint.
"""

from collections.abc import Collection

from sqlalchemy import ColumnElement, Select, and_, exists, select, union
from sqlalchemy.orm import Session

from holdfast.store.tables import (
    ApiRow,
    EndpointCertificateRow,
    GatewayIdentityRow,
    TrustSettingsRow,
)

Decided = type[EndpointCertificateRow] | type[TrustSettingsRow] | type[GatewayIdentityRow]
_TABLES: tuple[Decided, ...] = (EndpointCertificateRow, TrustSettingsRow, GatewayIdentityRow)


def is_unused(table: Decided) -> ColumnElement[bool]:
    """Return the condition that no API has an endpoint at the origin of a row of *table*."""
    of_organization = ApiRow.organization_id == table.organization_id
    # Two conditions, so that each uses its own index.
    return and_(
        ~exists().where(of_organization, ApiRow.production_origin == table.origin),
        ~exists().where(of_organization, ApiRow.sandbox_origin == table.origin),
    )


def find(session: Session, organization: str, among: Collection[str] | None = None) -> list[str]:
    """Return the unused origins, *among* these or all, in order."""
    return sorted(session.scalars(union(*(_unused(table, organization, among) for table in _TABLES))))


def _unused(table: Decided, organization: str, among: Collection[str] | None) -> Select[str]:
    query = select(table.origin).where(table.organization_id == organization, is_unused(table))
    return query if among is None else query.where(table.origin.in_(among))
