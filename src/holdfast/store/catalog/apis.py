"""
Queries for APIs.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, delete, or_, select
from sqlalchemy.orm import Session

from holdfast.apis.catalog.api import Api
from holdfast.apis.catalog.endpoint import ENVIRONMENTS
from holdfast.apis.label import LabeledKind
from holdfast.store import api_origins, labels
from holdfast.store.api_origins import OriginSource
from holdfast.store.catalog import deployments
from holdfast.store.catalog.api_pages import find_ids
from holdfast.store.catalog.api_rows import read_api, write_api, write_changed_api
from holdfast.store.catalog.deployments import NOWHERE
from holdfast.store.catalog.lifecycle_states import EFFECTIVE_STATE
from holdfast.store.folding import contains, equals, folded
from holdfast.store.labels import has_label
from holdfast.store.parameters import ORGANIZATION, VALUES, bind
from holdfast.store.tables import ApiRow
from holdfast.store.unindexed import disable_index


@dataclass(frozen=True, slots=True)
class ApiFilter:
    """A filter for APIs: fields must contain these texts or, if named in *exact*, equal them; case is ignored."""

    name: str = ""
    context: str = ""
    version: str = ""
    status: str = ""
    provider: str = ""
    description: str = ""
    label: str = ""  # always exact
    anywhere: str = ""  # in any of the fields above
    exact: frozenset[str] = frozenset()


class ApiSort(StrEnum):
    """A column of APIs to sort by, as WSO2 names it; equal values are sorted by name and version."""

    NAME = "apiName"
    VERSION = "version"
    CREATED = "createdTime"
    STATUS = "status"


@dataclass(frozen=True, slots=True)
class ApiOrder:
    """The order of a list of APIs."""

    by: ApiSort = ApiSort.NAME
    descending: bool = False


DEFAULT_ORDER = ApiOrder()
_WITH_IDS = disable_index(ApiRow.organization_id) == ORGANIZATION, ApiRow.id.in_(VALUES)
_APIS = select(ApiRow).where(*_WITH_IDS)
_NAMES = select(ApiRow.id, ApiRow.name, ApiRow.version, ApiRow.production_url, ApiRow.sandbox_url).where(*_WITH_IDS)
_USERS = select(ApiRow).where(ApiRow.id.in_(select(api_origins.select_users(ApiRow.id).subquery().c.id)))
_USER_NAMES = api_origins.select_users(ApiRow.name, ApiRow.id)
_USER = api_origins.select_users(ApiRow.id).limit(1)
_SORTED_BY: dict[ApiSort, ColumnElement[Any]] = {
    ApiSort.NAME: folded(ApiRow.name),
    ApiSort.VERSION: ApiRow.version.expression,
    ApiSort.CREATED: ApiRow.created_at.expression,
    ApiSort.STATUS: EFFECTIVE_STATE,
}


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
    session.add(write_api(api))
    session.flush()
    _save_related(session, api)


def update(session: Session, api: Api) -> None:
    """Update all values of an existing API."""
    query = select(ApiRow).where(ApiRow.organization_id == api.organization, ApiRow.id == api.id)
    if row := session.scalar(query):
        session.merge(write_changed_api(api, row))
        session.flush()
        _save_related(session, api)


def _save_related(session: Session, api: Api) -> None:
    deployments.replace(session, api)
    further = {str(member.endpoint.origin) for env in ENVIRONMENTS for member in api.list_members(env)[1:]}
    api_origins.replace(session, api.organization, api.id, OriginSource.MEMBER, further)
    tokens = {str(endpoint.origin) for endpoint in api.token_endpoints}
    api_origins.replace(session, api.organization, api.id, OriginSource.TOKEN_ENDPOINT, tokens)


def remove(session: Session, api: Api) -> None:
    """Delete an API."""
    session.execute(delete(ApiRow).where(ApiRow.organization_id == api.organization, ApiRow.id == api.id))
    labels.remove(session, api.organization, LabeledKind.API, api.id)


def get(session: Session, organization: str, api_id: str) -> Api | None:
    """Return the API with this id."""
    row = session.scalar(select(ApiRow).where(ApiRow.organization_id == organization, ApiRow.id == api_id))
    return _read_apis(session, organization, [row])[0] if row else None


def get_id(session: Session, organization: str, text: str) -> str | None:
    """Return the id of the API that *text* names as provider-name-version."""
    full_name = ApiRow.provider + "-" + ApiRow.name + "-" + ApiRow.version
    return session.scalar(select(ApiRow.id).where(ApiRow.organization_id == organization, full_name == text).limit(1))


def find(
    session: Session,
    organization: str,
    criteria: ApiFilter,
    offset: int = 0,
    limit: int | None = None,
    order: ApiOrder = DEFAULT_ORDER,
) -> tuple[list[Api], int]:
    """Return a page of the matching APIs in *order*, and their total number."""
    columns = [_SORTED_BY[order.by], folded(ApiRow.name), ApiRow.version.expression, ApiRow.id.expression]
    order_columns = [column.desc() if order.descending else column for column in columns]
    ids, total = find_ids(
        session, organization, list(_list_conditions(organization, criteria)), order_columns, offset, limit
    )
    return list_in_order(session, organization, ids), total


def list_sharing_name_or_context(session: Session, organization: str, name: str, context: str) -> list[Api]:
    """Return the APIs with this name or this context, of any version."""
    is_same = or_(equals(ApiRow.name, name), ApiRow.context == context)
    query = select(ApiRow).where(ApiRow.organization_id == organization, is_same)
    return _read_apis(session, organization, session.scalars(query))


def list_with_context(session: Session, organization: str, context: str) -> list[Api]:
    """Return the APIs with this context, of any version."""
    query = select(ApiRow).where(ApiRow.organization_id == organization, ApiRow.context == context)
    return _read_apis(session, organization, session.scalars(query))


def list_using_origins(session: Session, organization: str, origins: Collection[str]) -> list[Api]:
    """Return the APIs with an endpoint at one of *origins*, ordered by name."""
    rows: dict[str, ApiRow] = {}
    for parameters in bind(organization, origins):
        rows |= {row.id: row for row in session.scalars(_USERS, parameters)}
    # Sorted here: for an ORDER BY, SQLite would read all APIs in the order of another index.
    return _read_apis(session, organization, sorted(rows.values(), key=lambda row: (row.name, row.version)))


def list_ids_by_origin(session: Session, organization: str, origins: Collection[str]) -> dict[str, list[str]]:
    """Return the ids of the APIs with an endpoint at each of *origins* that has any, by origin."""
    ids: dict[str, list[str]] = {}
    for parameters in bind(organization, origins):
        # Sorted here: for an ORDER BY, SQLite would read all APIs in the order of another index.
        for _, api_id, origin in sorted(session.execute(_USER_NAMES, parameters)):
            ids.setdefault(origin, []).append(api_id)
    return ids


def has_origin(session: Session, organization: str, origin: str) -> bool:
    """Return whether an API has an endpoint at *origin*."""
    return any(session.scalar(_USER, parameters) for parameters in bind(organization, [origin]))


def list_with_ids(session: Session, organization: str, ids: Collection[str]) -> list[Api]:
    """Return the APIs with these ids that still exist."""
    rows = [row for parameters in bind(organization, ids) for row in session.scalars(_APIS, parameters)]
    return _read_apis(session, organization, rows)


def list_in_order(session: Session, organization: str, ids: Sequence[str]) -> list[Api]:
    """Return the APIs with these ids that still exist, in the order of *ids*."""
    by_id = {api.id: api for api in list_with_ids(session, organization, ids)}
    return [by_id[api_id] for api_id in ids if api_id in by_id]


def list_names(session: Session, organization: str, ids: Collection[str]) -> dict[str, ApiNames]:
    """Return the names of the APIs with these ids that still exist, by id."""
    rows = (row for parameters in bind(organization, ids) for row in session.execute(_NAMES, parameters))
    return {row.id: ApiNames(*row) for row in rows}


def list_of_organization(session: Session, organization: str) -> Sequence[Api]:
    """Return all APIs of an organization."""
    query = select(ApiRow).where(ApiRow.organization_id == organization)
    return _read_apis(session, organization, session.scalars(query))


def _list_conditions(organization: str, criteria: ApiFilter) -> Iterator[ColumnElement[bool]]:
    columns = {
        "name": ApiRow.name,
        "context": ApiRow.context,
        "version": ApiRow.version,
        "status": EFFECTIVE_STATE,
        "provider": ApiRow.provider,
        "description": ApiRow.description,
    }
    for field, column in columns.items():
        text: str = getattr(criteria, field)
        if text and field in criteria.exact:
            yield equals(column, text)
        elif text:
            yield contains(column, text)
    if criteria.label:
        yield has_label(organization, LabeledKind.API, ApiRow.id, criteria.label)
    if criteria.anywhere:
        yield or_(*(contains(column, criteria.anywhere) for column in columns.values()))


def _read_apis(session: Session, organization: str, rows: Iterable[ApiRow]) -> list[Api]:
    every = list(rows)
    places = deployments.list_places(session, organization, [row.id for row in every])
    return [read_api(row, places.get(row.id, NOWHERE)) for row in every]
