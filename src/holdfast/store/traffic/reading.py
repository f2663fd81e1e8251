"""
Queries for traffic.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from holdfast.apis.traffic.measures import Measures
from holdfast.store.tables import TrafficCauseRow, TrafficCoverageRow, TrafficRow
from holdfast.store.traffic.measures import read_measures


@dataclass(frozen=True, slots=True)
class Selection:
    """Which rows to read: of an API (or EVERY_API), *start* included; None: of all environments, of all gateways."""

    organization: str
    api_id: str
    resolution: int
    start: datetime
    end: datetime
    environment: str | None = None
    gateway: str | None = None


@dataclass(frozen=True, slots=True)
class StoredTraffic:
    """The requests of a period."""

    at: datetime
    environment: str
    gateway: str
    measures: Measures


@dataclass(frozen=True, slots=True)
class Coverage:
    """For how many seconds of a period a gateway has reported; *lost*: it had no place for some of it."""

    at: datetime
    gateway: str
    seconds: float
    is_late: bool
    lost: int


def find_traffic(session: Session, selection: Selection) -> list[StoredTraffic]:
    """Return the traffic of a selection, the oldest first."""
    table = TrafficRow
    query = select(table.at, table.environment, table.gateway, table.measures).where(
        *_list_conditions(table, selection)
    )
    rows = session.execute(query.order_by(table.at, table.environment, table.gateway))
    return [
        StoredTraffic(at, environment, gateway, readable)
        for at, environment, gateway, measures in rows
        if (readable := read_measures(selection.organization, selection.api_id, measures))
    ]


def find_causes(session: Session, selection: Selection) -> dict[str, int]:
    """Return how many requests failed for each cause, the most frequent first; EVERY_API sums up all APIs."""
    table = TrafficCauseRow
    count = func.sum(table.requests)
    conditions = _list_conditions(table, selection, every_api=not selection.api_id)
    rows = session.execute(select(table.cause, count).where(*conditions).group_by(table.cause))
    return {cause: int(requests) for cause, requests in sorted(rows, key=lambda row: (-row[1], row[0]))}


def find_coverage(session: Session, resolution: int, start: datetime, end: datetime) -> list[Coverage]:
    """Return for which periods gateways have reported, the oldest first."""
    table = TrafficCoverageRow
    query = select(table).where(table.resolution == resolution, table.at >= start, table.at < end)
    return [
        Coverage(row.at, row.gateway, row.seconds, row.is_late, row.uncounted + row.dropped)
        for row in session.scalars(query.order_by(table.at, table.gateway))
    ]


def sum_by_api(
    session: Session, organization: str, resolution: int, start: datetime, limit: int
) -> Sequence[tuple[str, str, int, int]]:
    """Return API, environment, requests and failures since *start*, of the *limit* with the most requests."""
    table = TrafficRow
    requests = func.sum(table.requests)
    query = (
        select(table.api_id, table.environment, requests, func.sum(table.failures))
        .where(
            table.organization_id == organization,
            table.resolution == resolution,
            table.at >= start,
            table.api_id != "",
        )
        .group_by(table.api_id, table.environment)
        .order_by(requests.desc(), table.api_id, table.environment)
        .limit(limit)
    )
    return [(row[0], row[1], int(row[2]), int(row[3])) for row in session.execute(query)]


def _list_conditions(
    table: type[TrafficRow] | type[TrafficCauseRow], selection: Selection, *, every_api: bool = False
) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = [
        table.organization_id == selection.organization,
        table.resolution == selection.resolution,
        table.at >= selection.start,
        table.at < selection.end,
    ]
    if not every_api:
        conditions.append(table.api_id == selection.api_id)
    if selection.environment:
        conditions.append(table.environment == selection.environment)
    if selection.gateway:
        conditions.append(table.gateway == selection.gateway)
    return conditions
