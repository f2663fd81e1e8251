"""
Queries for the parts of APIs that gateways don't need: stored members of descriptions, and definitions.
"""

from collections.abc import Collection, Mapping
from typing import Any

import structlog
from sqlalchemy import select, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from holdfast.apis.catalog.api import Api
from holdfast.apis.catalog.prototype import MEMBER, MOCKED
from holdfast.apis.identities.caller_certificate import require_certificate
from holdfast.store.catalog.api_rows import read_api
from holdfast.store.catalog.deployments import NOWHERE
from holdfast.store.tables import ApiDocumentRow, ApiRow

log = structlog.get_logger()


def list_members(session: Session, organization: str, ids: Collection[str]) -> dict[str, dict[str, Any]]:
    """
    Return the stored members of the APIs with these ids, without APIs that have none.

    If they can't be read, return those that protect the API, so that a change of others doesn't drop these.
    """
    table = ApiDocumentRow
    query = select(table.api_id, table.members).where(table.organization_id == organization, table.api_id.in_(ids))
    rows = session.execute(query).all()
    unreadable_ids = [row.api_id for row in rows if not isinstance(row.members, dict)]
    members = {row.api_id: row.members for row in rows if isinstance(row.members, dict)}
    return members | _derive_members(session, organization, unreadable_ids)


def has_unreadable_members(session: Session, organization: str, api_id: str) -> bool:
    """Return whether stored members of an API can't be read."""
    table = ApiDocumentRow
    query = select(table.members).where(table.organization_id == organization, table.api_id == api_id)
    return any(not isinstance(members, dict) for members in session.scalars(query))


def _derive_members(session: Session, organization: str, ids: Collection[str]) -> dict[str, dict[str, Any]]:
    query = select(ApiRow).where(ApiRow.organization_id == organization, ApiRow.id.in_(ids))
    by_id = {}
    for api in (read_api(row, NOWHERE) for row in session.scalars(query) if ids):
        log.error("description of an API cannot be read", organization=organization, api=api.id)
        members = api.rules.members if api.mocks is None else api.rules.members | {MEMBER: MOCKED}
        by_id[api.id] = require_certificate(members) if api.requires_certificate else members
    return by_id


def list_types(session: Session, organization: str, ids: Collection[str]) -> dict[str, str]:
    """Return the stored member `type` of the APIs with these ids, without APIs that have none; read nothing else."""
    table = ApiDocumentRow
    kind = table.members["type"].as_string()
    query = select(table.api_id, kind.label("type")).where(table.organization_id == organization)
    try:
        return {row.api_id: row.type for row in session.execute(query.where(table.api_id.in_(ids), kind.is_not(None)))}
    except OperationalError:  # SQLite can't read the members of one of them
        members_by_id = list_members(session, organization, ids)
        return {api_id: members["type"] for api_id, members in members_by_id.items() if members.get("type")}


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
