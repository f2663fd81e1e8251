"""
Which APIs use which origins: columns of the API for its endpoints, and a table for origins that those don't contain.

Queries by origin must go through this module, so that trust at every origin is found, watched and kept.
"""

from collections.abc import Callable, Collection
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Select,
    and_,
    delete,
    exists,
    insert,
    or_,
    select,
    union,
)
from sqlalchemy.orm import InstrumentedAttribute, Session

from holdfast.store.parameters import ORGANIZATION, VALUES, bind
from holdfast.store.tables import ApiOriginRow, ApiRow

_OWN = (ApiRow.production_origin, ApiRow.sandbox_origin)
_table = ApiOriginRow
_Column = InstrumentedAttribute[Any]


class OriginSource(StrEnum):
    """The reason why an API uses an origin other than those of its production and sandbox endpoints."""

    MEMBER = "member"  # further members of load-balanced and failover groups
    REVISION = "revision"  # endpoints of deployed revisions
    TOKEN_ENDPOINT = "token-endpoint"  # noqa: S105 - where gateways get access tokens


def replace(session: Session, organization: str, api_id: str, source: OriginSource, origins: Collection[str]) -> None:
    """Store the *origins* that the API uses because of *source*, instead of the stored ones."""
    this = (_table.organization_id == organization, _table.api_id == api_id, _table.source == source.value)
    before, after = set(session.scalars(select(_table.origin).where(*this))), set(origins)
    if obsolete_origins := before - after:
        session.execute(delete(_table).where(*this, _table.origin.in_(obsolete_origins)))
    if new_origins := sorted(after - before):
        values = {"organization_id": organization, "api_id": api_id, "source": source.value}
        session.execute(insert(_table), [{**values, "origin": origin} for origin in new_origins])


def list_of_api(session: Session, organization: str, api_id: str) -> set[str]:
    """Return the origins that the API uses besides those of its production and sandbox endpoints."""
    query = select(_table.origin).where(_table.organization_id == organization, _table.api_id == api_id)
    return set(session.scalars(query))


def list_by_api(session: Session, organization: str, api_ids: Collection[str]) -> dict[str, set[str]]:
    """Return what `list_of_api` returns for each of *api_ids*; those without such origins are left out."""
    query = select(_table.api_id, _table.origin).where(
        _table.organization_id == organization, _table.api_id.in_(api_ids)
    )
    origins: dict[str, set[str]] = {}
    for api_id, origin in session.execute(query):
        origins.setdefault(api_id, set()).add(origin)
    return origins


def select_users(*columns: _Column) -> CompoundSelect[Any]:
    """
    Return the query for *columns* of the APIs that use some origins, each with its `origin`, without duplicates.

    Its parameters are ORGANIZATION, and the origins as VALUES.
    """
    own = (
        select(*columns, origin.label("origin")).where(ApiRow.organization_id == ORGANIZATION, origin.in_(VALUES))
        for origin in _OWN
    )
    further = (
        select(*columns, _table.origin.label("origin"))
        .join(ApiRow, ApiRow.id == _table.api_id)
        .where(_table.organization_id == ORGANIZATION, _table.origin.in_(VALUES))
    )
    return union(*own, further)


def list_states(session: Session, organization: str, origins: Collection[str]) -> dict[str, set[str]]:
    """Return the lifecycle states of the APIs that use each of *origins*; unused ones are left out."""
    states: dict[str, set[str]] = {}
    for parameters in bind(organization, origins):
        for state, origin in session.execute(select_users(ApiRow.state), parameters):
            states.setdefault(origin, set()).add(state)
    return states


def select_places(*conditions: ColumnElement[bool], origin_prefix: str) -> tuple[Select[Any, Any], ...]:
    """Return the queries for the organizations and origins of APIs with *conditions*, of all organizations."""
    own = (
        select(ApiRow.organization_id, origin).where(origin.startswith(origin_prefix), *conditions).distinct()
        for origin in _OWN
    )
    further = (
        select(_table.organization_id, _table.origin)
        .join(ApiRow, ApiRow.id == _table.api_id)
        .where(_table.origin.startswith(origin_prefix), *conditions)
        .distinct()
    )
    return (*own, further)


def uses(organization: str, condition: Callable[[_Column], ColumnElement[bool]]) -> ColumnElement[bool]:
    """Return the condition that an API of *organization* uses an origin with *condition*, a function of a column."""
    further = select(_table.api_id).where(_table.organization_id == organization, condition(_table.origin))
    return or_(*map(condition, _OWN), ApiRow.id.in_(further))


def select_further() -> Select[str]:
    """Return the correlated query for the origins that a row of APIs uses besides those in its columns."""
    return select(_table.origin).where(_table.api_id == ApiRow.id).correlate(ApiRow)


def is_unused(organization: Any, origin: Any) -> ColumnElement[bool]:
    """Return the condition that no API of *organization* uses *origin*; both are columns of another table."""
    # Separate conditions, so that each uses its own index.
    return and_(
        *(~exists().where(ApiRow.organization_id == organization, column == origin) for column in _OWN),
        ~exists().where(_table.organization_id == organization, _table.origin == origin),
    )
