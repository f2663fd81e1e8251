"""
Queries for APIs.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, delete, func, or_, select
from sqlalchemy.orm import Session

from holdfast.apis.catalog.api import Api
from holdfast.apis.catalog.connection_settings import read_connection
from holdfast.apis.catalog.endpoint import Endpoint, parse_endpoint
from holdfast.apis.catalog.lifecycle import State
from holdfast.apis.errors import InvalidField
from holdfast.store.catalog import deployments
from holdfast.store.tables import ApiRow

_CHUNK = 500  # ids in one query


@dataclass(frozen=True, slots=True)
class ApiFilter:
    """A filter for APIs: fields must contain these texts or, if named in *exact*, equal them; case is ignored."""

    name: str = ""
    context: str = ""
    version: str = ""
    status: str = ""
    provider: str = ""
    description: str = ""
    anywhere: str = ""  # in any of the fields above
    exact: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class ApiNames:
    """The name and version of an API, and the URLs of its endpoints."""

    id: str
    name: str
    version: str
    production: str | None
    sandbox: str | None


def insert(session: Session, api: Api) -> None:
    """Insert a new API."""
    session.add(_row(api))
    session.flush()
    deployments.replace(session, api)


def update(session: Session, api: Api) -> None:
    """Update all values of an existing API."""
    known = select(ApiRow.id).where(ApiRow.organization_id == api.organization, ApiRow.id == api.id)
    if session.scalar(known):
        session.merge(_row(api))
        session.flush()
        deployments.replace(session, api)


def remove(session: Session, api: Api) -> None:
    """Delete an API."""
    session.execute(delete(ApiRow).where(ApiRow.organization_id == api.organization, ApiRow.id == api.id))


def get(session: Session, organization: str, api_id: str) -> Api | None:
    """Return the API with this id."""
    row = session.scalar(select(ApiRow).where(ApiRow.organization_id == organization, ApiRow.id == api_id))
    return _apis(session, organization, [row])[0] if row else None


def id_of(session: Session, organization: str, text: str) -> str | None:
    """Return the id of the API that *text* names as provider-name-version."""
    named = ApiRow.provider + "-" + ApiRow.name + "-" + ApiRow.version
    return session.scalar(select(ApiRow.id).where(ApiRow.organization_id == organization, named == text).limit(1))


def find(
    session: Session, organization: str, wanted: ApiFilter, offset: int = 0, limit: int | None = None
) -> tuple[list[Api], int]:
    """Return a page of the matching APIs, ordered by name, and their total number."""
    query = _matching(organization, wanted)
    total = session.scalar(select(func.count()).select_from(query.subquery())) or 0
    page = query.order_by(func.lower(ApiRow.name), ApiRow.version, ApiRow.id).offset(offset).limit(limit)
    return _apis(session, organization, session.scalars(page)), total


def sharing_name_or_context(session: Session, organization: str, name: str, context: str) -> list[Api]:
    """Return the APIs with this name or this context, of any version."""
    same = or_(func.lower(ApiRow.name) == name.lower(), ApiRow.context == context)
    query = select(ApiRow).where(ApiRow.organization_id == organization, same)
    return _apis(session, organization, session.scalars(query))


def with_context(session: Session, organization: str, context: str) -> list[Api]:
    """Return the APIs with this context, of any version."""
    query = select(ApiRow).where(ApiRow.organization_id == organization, ApiRow.context == context)
    return _apis(session, organization, session.scalars(query))


def using_origins(session: Session, organization: str, origins: Collection[str]) -> list[Api]:
    """Return the APIs with an endpoint at one of *origins*, ordered by name."""
    query = select(ApiRow).where(_uses(organization, origins))
    # Sorted here: for an ORDER BY, SQLite would read all APIs in the order of another index.
    rows = sorted(session.scalars(query), key=lambda row: (row.name, row.version))
    return _apis(session, organization, rows)


def has_origin(session: Session, organization: str, origin: str) -> bool:
    """Return whether an API has an endpoint at *origin*."""
    return session.scalar(select(ApiRow.id).where(_uses(organization, [origin])).limit(1)) is not None


def _uses(organization: str, origins: Collection[str]) -> ColumnElement[bool]:
    # The organization is in both parts: otherwise, SQLite uses neither index and reads all APIs of the organization.
    of_organization = ApiRow.organization_id == organization
    return or_(
        and_(of_organization, ApiRow.production_origin.in_(origins)),
        and_(of_organization, ApiRow.sandbox_origin.in_(origins)),
    )


def with_ids(session: Session, organization: str, ids: Collection[str]) -> list[Api]:
    """Return the APIs with these ids that still exist."""
    query = select(ApiRow).where(ApiRow.organization_id == organization, ApiRow.id.in_(ids))
    return _apis(session, organization, session.scalars(query))


def names(session: Session, organization: str, ids: Collection[str]) -> dict[str, ApiNames]:
    """Return the names of the APIs with these ids that still exist, by id."""
    columns = (ApiRow.id, ApiRow.name, ApiRow.version, ApiRow.production_url, ApiRow.sandbox_url)
    wanted, names_by_id = sorted(ids), {}
    for start in range(0, len(wanted), _CHUNK):
        known = ApiRow.id.in_(wanted[start : start + _CHUNK])
        for row in session.execute(select(*columns).where(ApiRow.organization_id == organization, known)):
            names_by_id[row.id] = ApiNames(*row)
    return names_by_id


def all_of(session: Session, organization: str) -> Sequence[Api]:
    """Return all APIs of an organization."""
    query = select(ApiRow).where(ApiRow.organization_id == organization)
    return _apis(session, organization, session.scalars(query))


def _matching(organization: str, wanted: ApiFilter) -> Select[ApiRow]:
    query = select(ApiRow).where(ApiRow.organization_id == organization)
    columns = {
        "name": ApiRow.name,
        "context": ApiRow.context,
        "version": ApiRow.version,
        "status": ApiRow.state,
        "provider": ApiRow.provider,
        "description": ApiRow.description,
    }
    for field, column in columns.items():
        text: str = getattr(wanted, field)
        if text and field in wanted.exact:
            query = query.where(func.lower(column) == text.lower())
        elif text:
            query = query.where(column.icontains(text, autoescape=True))
    if wanted.anywhere:
        query = query.where(
            or_(*(column_value.icontains(wanted.anywhere, autoescape=True) for column_value in columns.values()))
        )
    return query


def _row(api: Api) -> ApiRow:
    return ApiRow(
        id=api.id,
        organization_id=api.organization,
        name=api.name,
        context=api.context,
        version=api.version,
        description=api.description,
        provider=api.provider,
        state=api.state.value,
        production_url=api.production.url if api.production else None,
        production_origin=str(api.production.origin) if api.production else None,
        sandbox_url=api.sandbox.url if api.sandbox else None,
        sandbox_origin=str(api.sandbox.origin) if api.sandbox else None,
        production_connection=_connection(api.production),
        sandbox_connection=_connection(api.sandbox),
        created_at=api.created_at,
        updated_at=api.updated_at,
        requires_certificate=api.requires_certificate,
    )


def _apis(session: Session, organization: str, rows: Iterable[ApiRow]) -> list[Api]:
    every = list(rows)
    groups = deployments.groups_of(session, organization, [row.id for row in every])
    return [_api(row, groups.get(row.id, frozenset())) for row in every]


def _api(row: ApiRow, groups: frozenset[str]) -> Api:
    return Api(
        id=row.id,
        organization=row.organization_id,
        name=row.name,
        context=row.context,
        version=row.version,
        description=row.description,
        provider=row.provider,
        state=State(row.state),
        production=_endpoint(row.production_url, row.production_connection),
        sandbox=_endpoint(row.sandbox_url, row.sandbox_connection),
        created_at=row.created_at,
        updated_at=row.updated_at,
        requires_certificate=row.requires_certificate,
        groups=groups,
    )


def _connection(endpoint: Endpoint | None) -> dict[str, Any] | None:
    return (endpoint.connection.changed or None) if endpoint else None


def _endpoint(url: str | None, connection: Mapping[str, Any] | None) -> Endpoint | None:
    if not url:
        return None
    try:
        endpoint = parse_endpoint(url)
    except InvalidField:  # accepted by an earlier version; without an endpoint, requests can't reach the wrong host
        return None
    return replace(endpoint, connection=read_connection(connection)) if connection else endpoint
