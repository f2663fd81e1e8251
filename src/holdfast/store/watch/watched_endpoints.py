"""
Queries for watched endpoints.
"""

import uuid
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Select, and_, delete, func, insert, or_, select, tuple_, update
from sqlalchemy.orm import Session

from holdfast.apis.catalog.lifecycle import State
from holdfast.apis.watch.watched_endpoint import (
    CHANGED_WITHIN,
    BackendCertificate,
    Changes,
    Coverage,
    Silence,
    WatchedEndpoint,
    WatchStatus,
)
from holdfast.certificates.validity import EXPIRING_WITHIN
from holdfast.store import api_origins
from holdfast.store.chunks import split_values
from holdfast.store.folding import contains
from holdfast.store.parameters import ORGANIZATION, VALUES, bind
from holdfast.store.tables import ApiRow, WatchedEndpointRow
from holdfast.store.totals import find_total

Place = tuple[str, str]  # organization and origin
_table = WatchedEndpointRow
_OF_ORIGINS = select(_table).where(_table.organization_id == ORGANIZATION, _table.origin.in_(VALUES))


@dataclass(frozen=True, slots=True)
class WatchFilter:
    """
    A filter for watched endpoints; None: all.

    *query* is part of an origin, or of the name or issuer of the presented certificate, whatever the case.
    """

    status: WatchStatus | None = None
    origins: Collection[str] | None = None
    expires_before: datetime | None = None
    expires_after: datetime | None = None  # or at this time
    query: str = ""


def list_used(session: Session) -> set[Place]:
    """Return the https origins that APIs of all organizations use, except those of retired APIs."""
    return _find_used(session)


def has_new(session: Session, organization: str, api_ids: Collection[str]) -> bool:
    """Return whether one of these APIs uses an https origin that isn't watched yet."""
    for chunk in split_values(api_ids):
        these = (ApiRow.organization_id == organization, ApiRow.id.in_(chunk))
        used_origins = {origin for _, origin in _find_used(session, *these)}
        if used_origins - list_by_origin(session, organization, used_origins).keys():
            return True
    return False


def list_watched(session: Session) -> dict[Place, tuple[bool, datetime | None]]:
    """Return all watched endpoints: whether they were checked before, and when a silent one is tried again."""
    query = select(_table.organization_id, _table.origin, _table.chain, _table.retry_at)
    return {(row[0], row[1]): (bool(row[2] or row[3]), row[3]) for row in session.execute(query)}


def add(session: Session, places: Iterable[Place]) -> None:
    """Insert watched endpoints that weren't checked yet."""
    rows = [{"id": str(uuid.uuid4()), "organization_id": place[0], "origin": place[1]} for place in places]
    if rows:
        session.execute(insert(_table), rows)


def remove(session: Session, places: Iterable[Place]) -> None:
    """Delete watched endpoints, with the chains that they presented."""
    for chunk in split_values(places):
        session.execute(delete(_table).where(tuple_(_table.organization_id, _table.origin).in_(chunk)))


def save(session: Session, endpoint: WatchedEndpoint) -> bool:
    """Update all values of a watched endpoint; return whether it still exists."""
    this = (_table.organization_id == endpoint.organization, _table.id == endpoint.id)
    updated_ids = session.scalars(update(_table).where(*this).values(_write_values(endpoint)).returning(_table.id))
    return bool(updated_ids.all())


def get(session: Session, organization: str, endpoint_id: str) -> WatchedEndpoint | None:
    """Return the watched endpoint with this id."""
    row = session.scalar(select(_table).where(_table.organization_id == organization, _table.id == endpoint_id))
    return _read_endpoint(row) if row else None


def list_by_origin(session: Session, organization: str, origins: Collection[str]) -> dict[str, WatchedEndpoint]:
    """Return the watched endpoints of these origins, by origin."""
    rows = (row for parameters in bind(organization, origins) for row in session.scalars(_OF_ORIGINS, parameters))
    return {row.origin: _read_endpoint(row) for row in rows}


def find(
    session: Session,
    organization: str,
    criteria: WatchFilter,
    now: datetime,
    offset: int = 0,
    limit: int | None = None,
) -> tuple[list[WatchedEndpoint], int]:
    """Return a page of the matching watched endpoints, the first to expire first, and their total number."""
    query = _select_matching(organization, criteria, now)
    order = query.order_by(_table.expires_at.asc().nulls_last(), _table.origin)
    page = session.scalars(order.offset(offset).limit(limit)).all()
    total = find_total(len(page), offset, limit)
    if total is None:
        total = session.scalar(select(func.count()).select_from(query.subquery())) or 0
    return [_read_endpoint(row) for row in page], total


def count_by_status(session: Session, organization: str, now: datetime, query: str = "") -> dict[WatchStatus, int]:
    """Return the number of watched endpoints with each status at *now*; *query* is as in `WatchFilter`."""
    counts = [func.count().filter(_has_status(status, now)) for status in WatchStatus]
    matching = (_contains(query),) if query else ()
    row = session.execute(select(*counts).where(_table.organization_id == organization, *matching)).one()
    return dict(zip(WatchStatus, row, strict=True))


def count_expiring(session: Session, organization: str, after: datetime, before: datetime) -> int:
    """Return how many presented certificates expire at or after *after*, and before *before*."""
    within = (_table.expires_at >= after, _table.expires_at < before)
    return session.scalar(select(func.count()).where(_table.organization_id == organization, *within)) or 0


def _has_status(status: WatchStatus, now: datetime) -> ColumnElement[bool]:
    """Return the condition that a row has *status* at *now*, as `WatchedEndpoint.assess_status` decides."""
    is_seen = and_(_table.silent_since.is_(None), _table.chain.is_not(None))
    is_recent = and_(_table.changed_at.is_not(None), _table.changed_at > now - CHANGED_WITHIN)
    is_settled = and_(is_seen, or_(_table.changed_at.is_(None), _table.changed_at <= now - CHANGED_WITHIN))
    is_trusted = and_(_table.accepted.is_(True), _table.accepted_until >= now)
    is_untrusted = or_(
        _table.accepted.is_(None),
        _table.accepted.is_(False),
        _table.accepted_until.is_(None),
        _table.accepted_until < now,
    )
    match status:
        case WatchStatus.UNREACHABLE:
            return _table.silent_since.is_not(None)
        case WatchStatus.NOT_CHECKED:
            return and_(_table.silent_since.is_(None), _table.chain.is_(None))
        case WatchStatus.CHANGED:
            return and_(is_seen, is_recent)
        case WatchStatus.NOT_TRUSTED:
            return and_(is_settled, is_untrusted)
        case WatchStatus.EXPIRING:
            return and_(is_settled, is_trusted, _table.accepted_until <= now + EXPIRING_WITHIN)
        case WatchStatus.TRUSTED:
            return and_(is_settled, is_trusted, _table.accepted_until > now + EXPIRING_WITHIN)


def _select_matching(organization: str, criteria: WatchFilter, now: datetime) -> Select[WatchedEndpointRow]:
    query = select(_table).where(_table.organization_id == organization)
    if criteria.status:
        query = query.where(_has_status(criteria.status, now))
    if criteria.origins is not None:
        query = query.where(_table.origin.in_(criteria.origins))
    if criteria.expires_before:
        query = query.where(_table.expires_at < criteria.expires_before)
    if criteria.expires_after:
        query = query.where(_table.expires_at >= criteria.expires_after)
    if criteria.query:
        query = query.where(_contains(criteria.query))
    return query


def _contains(query: str) -> ColumnElement[bool]:
    return or_(*(contains(column, query) for column in (_table.origin, _table.name, _table.issuer)))


def _find_used(session: Session, *conditions: ColumnElement[bool]) -> set[Place]:
    """Return the https origins of APIs with *conditions* that aren't retired."""
    places: set[Place] = set()
    for query in api_origins.select_places(ApiRow.state != State.RETIRED.value, *conditions, origin_prefix="https://"):
        places.update((row[0], row[1]) for row in session.execute(query))
    return places


def _write_values(endpoint: WatchedEndpoint) -> dict[str, datetime | str | int | bool | None]:
    chain, coverage, silence = endpoint.certificate, endpoint.coverage, endpoint.silence
    return {
        "chain": chain.chain if chain else None,
        "name": chain.name if chain else None,
        "issuer": chain.issuer if chain else None,
        "expires_at": chain.expires_at if chain else None,
        "presented_since": chain.since if chain else None,
        "trust": coverage.trust if coverage else None,
        "accepted": coverage.accepted if coverage else None,
        "cause": coverage.cause if coverage else None,
        "accepted_until": coverage.until if coverage else None,
        "by_gateway": coverage.by_gateway if coverage else None,
        "changed_at": endpoint.changes.at,
        "key_changed_at": endpoint.changes.key,
        "issuer_changed_at": endpoint.changes.issuer,
        "names_changed_at": endpoint.changes.names,
        "silent_since": silence.since if silence else None,
        "silence_cause": silence.cause if silence else None,
        "attempts": silence.attempts if silence else None,
        "retry_at": silence.retry_at if silence else None,
    }


def _read_endpoint(row: WatchedEndpointRow) -> WatchedEndpoint:
    return WatchedEndpoint(
        row.id,
        row.organization_id,
        row.origin,
        _read_presented(row),
        Coverage(row.trust, bool(row.accepted), row.cause, row.accepted_until, bool(row.by_gateway))
        if row.trust
        else None,
        Changes(row.changed_at, row.key_changed_at, row.issuer_changed_at, row.names_changed_at),
        Silence(row.silent_since, row.silence_cause or "", row.attempts or 1, row.retry_at or row.silent_since)
        if row.silent_since
        else None,
    )


def _read_presented(row: WatchedEndpointRow) -> BackendCertificate | None:
    if not (row.chain and row.expires_at and row.presented_since):
        return None
    return BackendCertificate(row.chain, row.name or "", row.issuer or "", row.expires_at, row.presented_since)
