"""
Queries for the parts of APIs that gateways don't need: stored members of descriptions, and definitions.
"""

from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from holdfast.apis.catalog.api import Api
from holdfast.store.tables import ApiDocumentRow


def list_members(session: Session, organization: str, ids: Collection[str]) -> dict[str, dict[str, Any]]:
    """Return the stored members of the APIs with these ids, without APIs that have none."""
    table = ApiDocumentRow
    query = select(table.api_id, table.members).where(table.organization_id == organization, table.api_id.in_(ids))
    return {row.api_id: row.members for row in session.execute(query)}


def list_types(session: Session, organization: str, ids: Collection[str]) -> dict[str, str]:
    """Return the stored member `type` of the APIs with these ids, without APIs that have none; read nothing else."""
    table = ApiDocumentRow
    kind = table.members["type"].as_string()
    query = select(table.api_id, kind.label("type")).where(table.organization_id == organization)
    return {row.api_id: row.type for row in session.execute(query.where(table.api_id.in_(ids), kind.is_not(None)))}


def get_definition(session: Session, organization: str, api_id: str) -> str | None:
    """Return the definition that was uploaded for an API, as JSON."""
    table = ApiDocumentRow
    query = select(table.definition).where(table.organization_id == organization, table.api_id == api_id)
    return session.scalar(query)


def save_members(session: Session, api: Api, members: Mapping[str, Any]) -> None:
    """Replace the stored members of *api*."""
    _save(session, api, {"members": dict(members)})


def save_definition(session: Session, api: Api, definition: str | None) -> None:
    """Replace the definition of *api*, as JSON."""
    _save(session, api, {"definition": definition})


def _save(session: Session, api: Api, values: dict[str, Any]) -> None:
    table = ApiDocumentRow
    this = (table.organization_id == api.organization, table.api_id == api.id)
    if session.scalar(select(table.api_id).where(*this)):
        session.execute(update(table).where(*this).values(**values))
    else:
        session.add(table(**{"api_id": api.id, "organization_id": api.organization, "members": {}} | values))
    session.flush()
