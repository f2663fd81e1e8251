"""
APIs in the database.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Select, delete, func, or_, select
from sqlalchemy.orm import Session

from holdfast.apis.catalog.api import Api
from holdfast.apis.catalog.connection_settings import read_connection
from holdfast.apis.catalog.endpoint import Endpoint, parse_endpoint
from holdfast.apis.catalog.lifecycle import State
from holdfast.apis.errors import InvalidField
from holdfast.store.tables import ApiRow

_CHUNK = 500  # ids in one query


@dataclass(frozen=True, slots=True)
class ApiFilter:
    """Which APIs are wanted; each text must be contained, or, for fields in *exact*, be all, without regard to case."""

    name: str = ""
    context: str = ""
    version: str = ""
    status: str = ""
    provider: str = ""
    description: str = ""
    anywhere: str = ""  # in any of the others
    exact: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class ApiNames:
    """What people know an API by, and the URLs of its endpoints."""

    id: str
    name: str
    version: str
    production: str | None
    sandbox: str | None


def insert(session: Session, api: Api) -> None:
    """Add an API that is new."""
    session.add(_row(api))
    session.flush()


def update(session: Session, api: Api) -> None:
    """Write all values of an API that exists."""
    known = select(ApiRow.id).where(ApiRow.organization_id == api.organization, ApiRow.id == api.id)
    if session.scalar(known):
        session.merge(_row(api))
        session.flush()


def remove(session: Session, api: Api) -> None:
    """Take an API away."""
    session.execute(delete(ApiRow).where(ApiRow.organization_id == api.organization, ApiRow.id == api.id))


def get(session: Session, organization: str, api_id: str) -> Api | None:
    """Find the API with this id."""
    row = session.scalar(select(ApiRow).where(ApiRow.organization_id == organization, ApiRow.id == api_id))
    return _api(row) if row else None


def id_of(session: Session, organization: str, text: str) -> str | None:
    """Find the id of the API that *text* names as provider-name-version."""
    named = ApiRow.provider + "-" + ApiRow.name + "-" + ApiRow.version
    return session.scalar(select(ApiRow.id).where(ApiRow.organization_id == organization, named == text).limit(1))


def find(
    session: Session, organization: str, wanted: ApiFilter, offset: int = 0, limit: int | None = None
) -> tuple[list[Api], int]:
    """List the APIs that fit, by name, with their number regardless of *offset* and *limit*."""
    query = _matching(organization, wanted)
    total = session.scalar(select(func.count()).select_from(query.subquery())) or 0
    page = query.order_by(func.lower(ApiRow.name), ApiRow.version, ApiRow.id).offset(offset).limit(limit)
    return [_api(row) for row in session.scalars(page)], total


def sharing_name_or_context(session: Session, organization: str, name: str, context: str) -> list[Api]:
    """Find the APIs with this name or this context, whatever their version."""
    same = or_(func.lower(ApiRow.name) == name.lower(), ApiRow.context == context)
    return [_api(row) for row in session.scalars(select(ApiRow).where(ApiRow.organization_id == organization, same))]


def using_origins(session: Session, organization: str, origins: Collection[str]) -> list[Api]:
    """Find the APIs that have an endpoint of one of *origins*, by name."""
    uses = or_(ApiRow.production_origin.in_(origins), ApiRow.sandbox_origin.in_(origins))
    query = select(ApiRow).where(ApiRow.organization_id == organization, uses).order_by(ApiRow.name, ApiRow.version)
    return [_api(row) for row in session.scalars(query)]


def has_origin(session: Session, organization: str, origin: str) -> bool:
    """Say whether an API has an endpoint of *origin*."""
    uses = or_(ApiRow.production_origin == origin, ApiRow.sandbox_origin == origin)
    return session.scalar(select(ApiRow.id).where(ApiRow.organization_id == organization, uses).limit(1)) is not None


def with_ids(session: Session, organization: str, ids: Collection[str]) -> list[Api]:
    """Find the APIs with these ids; those that are gone are left out."""
    query = select(ApiRow).where(ApiRow.organization_id == organization, ApiRow.id.in_(ids))
    return [_api(row) for row in session.scalars(query)]


def names(session: Session, organization: str, ids: Collection[str]) -> dict[str, ApiNames]:
    """Find what the APIs with these ids are called; those that are gone are left out."""
    columns = (ApiRow.id, ApiRow.name, ApiRow.version, ApiRow.production_url, ApiRow.sandbox_url)
    wanted, names_by_id = sorted(ids), {}
    for start in range(0, len(wanted), _CHUNK):
        known = ApiRow.id.in_(wanted[start : start + _CHUNK])
        for row in session.execute(select(*columns).where(ApiRow.organization_id == organization, known)):
            names_by_id[row.id] = ApiNames(*row)
    return names_by_id


def all_of(session: Session, organization: str) -> Sequence[Api]:
    """All APIs of an organization."""
    return [_api(row) for row in session.scalars(select(ApiRow).where(ApiRow.organization_id == organization))]


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


def _api(row: ApiRow) -> Api:
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
    )


def _connection(endpoint: Endpoint | None) -> dict[str, Any] | None:
    return (endpoint.connection.changed or None) if endpoint else None


def _endpoint(url: str | None, connection: Mapping[str, Any] | None) -> Endpoint | None:
    if not url:
        return None
    try:
        endpoint = parse_endpoint(url)
    except InvalidField:  # an earlier version took it: without an endpoint, nothing is sent to whoever it means
        return None
    return replace(endpoint, connection=read_connection(connection)) if connection else endpoint
