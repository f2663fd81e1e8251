"""
Queries for the list of APIs: searched, filtered, sorted, and with what is trusted for their endpoints.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, ScalarSelect, Select, and_, case, exists, func, not_, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from holdfast.apis.catalog.api import Api
from holdfast.store import api_origins
from holdfast.store.catalog import apis
from holdfast.store.catalog.api_pages import find_ids
from holdfast.store.catalog.lifecycle_states import EFFECTIVE_STATE
from holdfast.store.folding import contains, folded
from holdfast.store.tables import ApiRow, EndpointCertificateRow, WatchedEndpointRow

_SERVED = ("PROTOTYPED", "PUBLISHED", "DEPRECATED")


class Sort(StrEnum):
    """A column to sort by; equal values are sorted by name."""

    NAME = "name"
    CONTEXT = "context"
    STATE = "state"
    CHANGED = "changed"
    EXPIRES = "expires"


class Show(StrEnum):
    """A group of APIs."""

    ALL = ""
    FAILING = "failing"
    UNVERIFIED = "unverified"
    NOT_TRUSTED = "not-trusted"  # served, and at the last check, a backend presented what gateways would reject
    UNREACHABLE = "unreachable"  # served, and at the last check, a backend didn't answer
    PLAIN = "plain"
    WITHOUT_ENDPOINT = "without-endpoint"
    EXPIRING = "expiring"
    NOT_LIVE = "not-live"


@dataclass(frozen=True, slots=True)
class OverviewFilter:
    """
    Which APIs to list. *query* is part of a name, context, version or endpoint URL, whatever the case.

    *failing* are IDs of APIs, *unverified* are origins, *expiring* the time before which certificates expire, and *now*
    the time at which backends have to be trusted.
    """

    query: str = ""
    show: Show = Show.ALL
    failing: Collection[str] = field(default=())
    unverified: Collection[str] = field(default=())
    expiring: datetime | None = None
    now: datetime | None = None


@dataclass(frozen=True, slots=True)
class TrustedAt:
    """The endpoint certificates for an origin: their number, and the first expiry."""

    count: int
    expires_at: datetime


def find(
    session: Session,
    organization: str,
    criteria: OverviewFilter,
    sort: Sort = Sort.NAME,
    *,
    descending: bool = False,
    offset: int = 0,
    limit: int | None = None,
) -> tuple[list[Api], int]:
    """Return a page of the matching APIs, and their total number."""
    name = (folded(ApiRow.name), ApiRow.version, ApiRow.id)
    columns: Mapping[Sort, Sequence[Any]] = {
        Sort.NAME: (),
        Sort.CONTEXT: (ApiRow.context,),
        Sort.STATE: (EFFECTIVE_STATE,),
        Sort.CHANGED: (ApiRow.updated_at,),
        Sort.EXPIRES: (_select_first_expiry(organization),) if sort is Sort.EXPIRES else (),
    }
    keys = [*columns[sort], *name]
    order = [keys[0].desc().nulls_last() if descending else keys[0].asc().nulls_last(), *keys[1:]]
    conditions = list(_list_conditions(organization, criteria))
    ids, total = find_ids(session, organization, conditions, order, offset, limit)
    return apis.list_in_order(session, organization, ids), total


def list_trusted_at(session: Session, organization: str, origins: Collection[str]) -> dict[str, TrustedAt]:
    """Return what is imported for each of *origins*; those without certificates are left out."""
    table = EndpointCertificateRow
    query = select(table.origin, func.count(), func.min(table.expires_at)).where(
        table.organization_id == organization, table.origin.in_(origins)
    )
    rows = session.execute(query.group_by(table.origin))
    return {origin: TrustedAt(number, expires_at) for origin, number, expires_at in rows if expires_at}


def _list_conditions(organization: str, criteria: OverviewFilter) -> Iterator[ColumnElement[bool]]:
    if criteria.query:
        columns = (ApiRow.name, ApiRow.context, ApiRow.version, ApiRow.production_url, ApiRow.sandbox_url)
        yield or_(*(contains(column, criteria.query) for column in columns))
    match criteria.show:
        case Show.FAILING:
            yield ApiRow.id.in_(criteria.failing)
        case Show.UNVERIFIED:
            yield _is_at(organization, criteria.unverified)
        case Show.NOT_TRUSTED | Show.UNREACHABLE:
            yield ApiRow.state.in_(_SERVED)
            yield _is_at(organization, _select_problems(organization, criteria.show, criteria.now))
        case Show.PLAIN:
            yield api_origins.uses(organization, lambda origin: origin.like("http://%"))
        case Show.WITHOUT_ENDPOINT:
            yield and_(ApiRow.production_url.is_(None), ApiRow.sandbox_url.is_(None))
        case Show.EXPIRING:
            yield api_origins.uses(organization, lambda origin: _has_expiring(organization, origin, criteria.expiring))
        case Show.NOT_LIVE:
            yield not_(ApiRow.state.in_(_SERVED))


def _is_at(organization: str, origins: Any) -> ColumnElement[bool]:
    return api_origins.uses(organization, lambda origin: origin.in_(origins))


def _select_problems(organization: str, show: Show, now: datetime | None) -> Select[str]:
    """Return the query for the origins whose last check found the problem that *show* is about."""
    table = WatchedEndpointRow
    query = select(table.origin).where(table.organization_id == organization)
    if show is Show.UNREACHABLE:
        return query.where(table.silent_since.is_not(None))
    is_rejected = or_(table.accepted.is_not(True), table.accepted_until.is_(None), table.accepted_until < now)
    return query.where(table.silent_since.is_(None), table.trust.is_not(None), is_rejected)


def _has_expiring(
    organization: str, origin: InstrumentedAttribute[Any], before: datetime | None
) -> ColumnElement[bool]:
    table = EndpointCertificateRow
    return exists().where(table.organization_id == organization, table.origin == origin, table.expires_at < before)


def _select_first_expiry(organization: str) -> ColumnElement[Any]:
    production, sandbox = (
        _select_first_expiry_at(organization, EndpointCertificateRow.origin == origin)
        for origin in (ApiRow.production_origin, ApiRow.sandbox_origin)
    )
    further = _select_first_expiry_at(organization, EndpointCertificateRow.origin.in_(api_origins.select_further()))
    # Most APIs have only one endpoint, so the other subqueries seldom find anything.
    first = case(
        (ApiRow.sandbox_origin.is_(None), production),
        (ApiRow.production_origin.is_(None), sandbox),
        (_is_before(sandbox, production), sandbox),
        else_=production,
    )
    return case((further.is_(None), first), (_is_before(further, first), further), else_=first)


def _is_before(time: ColumnElement[Any], other_time: ColumnElement[Any]) -> ColumnElement[bool]:
    """Return the condition that there is *time*, and that it is before *other_time* if there is any."""
    return and_(time.is_not(None), or_(other_time.is_(None), time < other_time))


def _select_first_expiry_at(organization: str, at_origin: ColumnElement[bool]) -> ScalarSelect[Any]:
    table = EndpointCertificateRow
    query = select(func.min(table.expires_at)).where(table.organization_id == organization, at_origin)
    return query.correlate(ApiRow).scalar_subquery()
