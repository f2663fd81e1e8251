"""
Use cases for traffic: that of an API, and that of all APIs of an organization.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from holdfast.apis.catalog.api import Api
from holdfast.apis.catalog.endpoint import ENVIRONMENTS
from holdfast.apis.errors import InvalidField
from holdfast.apis.gateways.group import DEFAULT_GROUP
from holdfast.apis.traffic.measures import Measures
from holdfast.apis.traffic.periods import DAY, RANGES, Range, start_of
from holdfast.services.access.context import Context
from holdfast.services.access.permissions import Permission
from holdfast.services.catalog import apis
from holdfast.store.catalog import apis as api_rows
from holdfast.store.catalog import revisions
from holdfast.store.gateways import gateways
from holdfast.store.traffic import reading
from holdfast.store.traffic.parts import EVERY_API
from holdfast.store.traffic.reading import Coverage, Selection, StoredTraffic

NOTHING = Measures()


@dataclass(frozen=True, slots=True)
class Point:
    """
    The requests of a step; *measures* is None if no gateway reported anything, not even that there were none.

    *is_partial*: a gateway that reported before and afterwards has nothing for some of it. *is_late*: it has requests
    from before, which a gateway counted while its agent wasn't running.
    """

    at: datetime
    measures: Measures | None
    is_partial: bool = False
    is_late: bool = False


@dataclass(frozen=True, slots=True)
class Share:
    """
    The requests to the backend of an environment at one gateway.

    *endpoint* is the URL that it serves now, empty if unknown.
    """

    environment: str
    gateway: str
    endpoint: str
    measures: Measures
    certified_at: datetime | None  # the start of the last period in which the sample has a certificate


@dataclass(frozen=True, slots=True)
class Traffic:
    """Traffic from *start* to *end*, in steps; *lost_count* counts what gateways had no place for."""

    range: Range
    start: datetime
    end: datetime
    points: Sequence[Point]
    total: Measures
    shares: Sequence[Share]
    causes: Mapping[str, int]
    lost_count: int = 0

    @property
    def has_gaps(self) -> bool:
        """Whether a step is missing or partial."""
        return any(point.measures is None or point.is_partial for point in self.points)


@dataclass(frozen=True, slots=True)
class ApiCount:
    """The requests of an API (`name:version`) in an environment, and those of them that failed."""

    api: str
    environment: str
    requests: int
    failures: int


def show_api_traffic(
    context: Context, api_id: str, range_name: str, environment: str | None = None, gateway: str | None = None
) -> tuple[Api, Traffic]:
    """Return an API and its traffic. Raises NotFound, InvalidField."""
    api = apis.get_api(context, api_id)
    return api, _read(context, api, range_name, environment, gateway)


def show_traffic(
    context: Context, range_name: str, environment: str | None = None, gateway: str | None = None
) -> Traffic:
    """Return the traffic of all APIs of the organization. Raises InvalidField."""
    context.user.require(Permission.VIEW_APIS)
    return _read(context, None, range_name, environment, gateway)


def count_today(context: Context, most: int) -> list[ApiCount]:
    """Return the requests of each API and environment since midnight (UTC), of the *most* with the most requests."""
    context.user.require(Permission.VIEW_APIS)
    organization = context.user.organization
    with context.read() as session:
        counts = reading.sum_by_api(session, organization, DAY, start_of(context.now, DAY), most)
        names = api_rows.list_names(session, organization, {api_id for api_id, *_ in counts})
    return [
        ApiCount(f"{api.name}:{api.version}", environment, requests, failures)
        for api_id, environment, requests, failures in counts
        if (api := names.get(api_id))
    ]


def _read(context: Context, api: Api | None, range_name: str, environment: str | None, gateway: str | None) -> Traffic:
    chosen = RANGES.get(range_name)
    if chosen is None:
        raise InvalidField("range", f"Use one of {', '.join(RANGES)}.")
    if environment and environment not in ENVIRONMENTS:
        raise InvalidField("environment", f"Use one of {', '.join(ENVIRONMENTS)}.")
    start, end = chosen.compute_bounds(context.now)
    selection = Selection(
        context.user.organization,
        api.id if api else EVERY_API,
        chosen.resolution,
        start,
        end,
        environment or None,
        gateway or None,
    )
    with context.read() as session:
        rows = reading.find_traffic(session, selection)
        causes = reading.find_causes(session, selection)
        coverage = reading.find_coverage(session, selection.resolution, start, end)
        apis_by_gateway = _find_deployed(session, api, {row.gateway for row in rows}) if api else {}
    if gateway:
        coverage = [entry for entry in coverage if entry.gateway == gateway]
    points = _draw(chosen, start, end, rows, coverage)
    shares = _divide(rows, api, apis_by_gateway)
    total = sum((share.measures for share in shares), NOTHING)
    lost_count = sum(entry.lost for entry in coverage)
    return Traffic(chosen, start, end, points, total, shares, causes, lost_count)


def _draw(
    chosen: Range, start: datetime, end: datetime, rows: Sequence[StoredTraffic], coverage: Sequence[Coverage]
) -> list[Point]:
    """Return a point for each step."""
    measures: dict[datetime, Measures] = {}
    for row in rows:
        step = start_of(row.at, chosen.step)
        measures[step] = measures[step] + row.measures if step in measures else row.measures
    gateways_by_step: defaultdict[datetime, set[str]] = defaultdict(set)
    late: set[datetime] = set()
    for entry in coverage:
        step = start_of(entry.at, chosen.step)
        gateways_by_step[step].add(entry.gateway)
        late |= {step} if entry.is_late else set()
    points, at = [], start
    while at < end:
        # A gateway with traffic has reported, even if the row of its coverage was deleted.
        is_known = at in gateways_by_step or at in measures
        value = measures.get(at, NOTHING) if is_known else None
        points.append(Point(at, value, is_late=at in late))
        at += timedelta(seconds=chosen.step)
    return _mark_partial(points, gateways_by_step)


def _mark_partial(points: Sequence[Point], gateways_by_step: Mapping[datetime, set[str]]) -> list[Point]:
    """Mark the points that lack a gateway which has reported before and afterwards."""
    first: dict[str, datetime] = {}
    last: dict[str, datetime] = {}
    for point in points:
        for gateway in gateways_by_step.get(point.at, ()):
            first.setdefault(gateway, point.at)
            last[gateway] = point.at
    return [
        replace(point, is_partial=True)
        if any(
            first[gateway] < point.at < last[gateway] and gateway not in gateways_by_step.get(point.at, ())
            for gateway in first
        )
        else point
        for point in points
    ]


def _find_deployed(session: Session, api: Api, names: Collection[str]) -> dict[str, Api]:
    """Return *api* as each of the gateways *names* serves it: as the working copy, or as a revision."""
    if not api.pinned:
        return {}
    group_of = dict(gateways.list_joined(session))
    variants = revisions.list_deployed(session, api.organization, [api])
    by_group = {group: variant for variant in variants for group in variant.groups}
    groups = {name: group_of.get(name, DEFAULT_GROUP) for name in names}
    return {name: by_group[group] for name, group in groups.items() if group in by_group}


def _divide(rows: Sequence[StoredTraffic], api: Api | None, apis_by_gateway: Mapping[str, Api]) -> list[Share]:
    """Return the requests by environment and gateway; production first."""
    sums: dict[tuple[str, str], Measures] = {}
    certificate_times: dict[tuple[str, str], datetime] = {}
    for row in rows:
        key = row.environment, row.gateway
        sums[key] = sums.get(key, NOTHING) + row.measures
        if row.measures.certificate:
            certificate_times[key] = row.at
    return [
        Share(*key, _find_endpoint(apis_by_gateway.get(key[1], api), key[0]), sums[key], certificate_times.get(key))
        for key in sorted(sums)
    ]


def _find_endpoint(api: Api | None, environment: str) -> str:
    endpoint = api.find_endpoint("sandbox" if environment == "sandbox" else "production") if api else None
    return endpoint.url if endpoint else ""
