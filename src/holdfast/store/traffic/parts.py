"""
Storing the parts of traffic that gateways report.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, or_, select
from sqlalchemy.orm import Session

from holdfast.apis.traffic.measures import Measures
from holdfast.apis.traffic.periods import RESOLUTIONS, start_of
from holdfast.store.tables import (
    ApiDeploymentRow,
    TrafficCauseRow,
    TrafficCoverageRow,
    TrafficRow,
    TrafficSourceRow,
)
from holdfast.store.traffic.measures import read_measures
from holdfast.store.upsert import insert_into

EVERY_API = ""  # the id under which the requests of all APIs of an organization are stored
MAX_SOURCES = 20  # of a gateway that are remembered; each start of an agent without its state makes one
_KEY = ("organization_id", "api_id", "resolution", "at", "environment", "gateway")


@dataclass(frozen=True, slots=True)
class Subject:
    """The owner of requests: an API, or EVERY_API, in an environment."""

    organization: str
    api_id: str
    environment: str


def is_next(session: Session, gateway: str, source: str, number: int, now: datetime) -> bool:
    """
    Record that the part with this number of a *source* is stored; return False if it, or a later one, was.

    Other control planes that store parts of the same gateway wait until this transaction ends.
    """
    statement = insert_into(session, TrafficSourceRow).values(
        gateway=gateway, source=source, number=number, stored_at=now
    )
    new = statement.excluded
    numbers = session.scalars(
        statement.on_conflict_do_update(
            index_elements=["gateway", "source"],
            set_={"number": new.number, "stored_at": new.stored_at},
            where=TrafficSourceRow.number < new.number,
        ).returning(TrafficSourceRow.number)
    )
    if numbers.first() is None:
        return False
    _forget_sources(session, gateway, source)
    return True


def _forget_sources(session: Session, gateway: str, current: str) -> None:
    """Forget the oldest sources of a gateway: an agent sends only parts of the *current* one."""
    table = TrafficSourceRow
    others = select(table.source).where(table.gateway == gateway, table.source != current)
    surplus = list(session.scalars(others.order_by(table.stored_at.desc()).offset(MAX_SOURCES - 1)))
    if surplus:
        session.execute(delete(table).where(table.gateway == gateway, table.source.in_(surplus)))


def find_deployed(session: Session, group: str, subjects: Collection[Subject]) -> set[tuple[str, str]]:
    """Return the organization and id of each API of *subjects* that exists and is deployed to *group*."""
    table = ApiDeploymentRow
    query = select(table.organization_id, table.api_id).where(
        table.group_name == group, table.api_id.in_({subject.api_id for subject in subjects})
    )
    return {(row[0], row[1]) for row in session.execute(query)}


def add_measures(
    session: Session, gateway: str, minute: datetime, measures: Mapping[Subject, Measures], resolutions: Collection[int]
) -> None:
    """Add *measures* of a minute to the periods of *resolutions* that contain it."""
    by_organization: defaultdict[str, dict[Subject, Measures]] = defaultdict(dict)
    for subject, subject_measures in measures.items():
        by_organization[subject.organization][subject] = subject_measures
    for organization, own in by_organization.items():
        for resolution in resolutions:
            _add(session, organization, gateway, resolution, start_of(minute, resolution), own)


def _add(
    session: Session,
    organization: str,
    gateway: str,
    resolution: int,
    at: datetime,
    measures: Mapping[Subject, Measures],
) -> None:
    table = TrafficRow
    query = select(table.api_id, table.environment, table.measures).where(
        table.organization_id == organization,
        table.api_id.in_({subject.api_id for subject in measures}),
        table.resolution == resolution,
        table.at == at,
        table.gateway == gateway,
    )
    # Measures that can't be read begin again.
    stored_measures = {(row[0], row[1]): read_measures(organization, row[0], row[2]) for row in session.execute(query)}
    rows = []
    for subject, subject_measures in measures.items():
        before = stored_measures.get((subject.api_id, subject.environment))
        total = before + subject_measures if before else subject_measures
        rows.append(
            {
                "organization_id": organization,
                "api_id": subject.api_id,
                "resolution": resolution,
                "at": at,
                "environment": subject.environment,
                "gateway": gateway,
                "requests": total.requests,
                "failures": total.failures,
                "measures": total.to_members(),
            }
        )
    statement = insert_into(session, table)
    updates = {name: statement.excluded[name] for name in ("requests", "failures", "measures")}
    session.execute(statement.on_conflict_do_update(index_elements=list(_KEY), set_=updates), rows)


def add_coverage(
    session: Session, gateway: str, minute: datetime, seconds: float, *, is_late: bool, uncounted: int, dropped: int
) -> None:
    """Add *seconds* of a minute that a gateway has reported."""
    statement = insert_into(session, TrafficCoverageRow)
    new, table = statement.excluded, TrafficCoverageRow
    updates = {
        "seconds": table.seconds + new.seconds,
        "is_late": or_(table.is_late, new.is_late),
        "uncounted": new.uncounted,
        "dropped": table.dropped + new.dropped,
    }
    rows = [
        {
            "resolution": resolution,
            "at": start_of(minute, resolution),
            "gateway": gateway,
            "seconds": seconds,
            "is_late": is_late,
            "uncounted": uncounted,
            "dropped": dropped,
        }
        for resolution in RESOLUTIONS
    ]
    session.execute(statement.on_conflict_do_update(index_elements=["resolution", "at", "gateway"], set_=updates), rows)


def add_causes(session: Session, counts: Iterable[tuple[Subject, str, datetime, str, int]]) -> None:
    """Add numbers of failed requests, each with subject, gateway, minute and cause."""
    rows: Sequence[dict[str, Any]] = [
        {
            "organization_id": subject.organization,
            "api_id": subject.api_id,
            "resolution": resolution,
            "at": start_of(minute, resolution),
            "environment": subject.environment,
            "gateway": gateway,
            "cause": cause,
            "requests": requests,
        }
        for subject, gateway, minute, cause, requests in counts
        for resolution in RESOLUTIONS
    ]
    if not rows:
        return
    statement = insert_into(session, TrafficCauseRow)
    total = TrafficCauseRow.requests + statement.excluded.requests
    session.execute(statement.on_conflict_do_update(index_elements=[*_KEY, "cause"], set_={"requests": total}), rows)
