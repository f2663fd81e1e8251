"""Reports of gateways are stored once, only for APIs of their group, and read back in steps."""

import asyncio
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from acting import context_of
from holdfast.apis.errors import InvalidField
from holdfast.apis.traffic.measures import Measures
from holdfast.apis.traffic.periods import RANGES
from holdfast.gateway.control.traffic import TrafficReport
from holdfast.gateway.peer import Peer
from holdfast.gateway.resources.cluster_names import name_cluster
from holdfast.gateway.traffic.backlog import Part
from holdfast.services.failures.failures import Failures
from holdfast.services.traffic.causes import CauseCounts
from holdfast.services.traffic.reading import show_api_traffic, show_traffic
from holdfast.services.traffic.recording import LATE, Lifetimes, TrafficRecording
from holdfast.services.traffic.retention import forget_old_traffic
from holdfast.store.tables import TrafficCauseRow, TrafficSourceRow
from holdfast.store.traffic.parts import MAX_SOURCES
from services.test_remembering_failures import make_request

NOW = datetime(2026, 11, 29, 12, 0, 45, tzinfo=UTC)
MINUTE = NOW.replace(second=0)
SOURCE = "0" * 16
LIFETIMES = Lifetimes(timedelta(hours=24), timedelta(days=31), timedelta(days=400))
EDGE = Peer("edge")


@pytest.fixture
def api(served_api):
    return served_api


@pytest.fixture
def context(store, anna):
    return context_of(store, anna, NOW)


@pytest.fixture
def recording(store):
    return TrafficRecording(store, LIFETIMES, lambda: NOW)


@pytest.fixture
def report(anna, api):
    """Return a function that makes a report of 3 requests."""

    def make(number=1, minute=MINUTE, *, source=SOURCE, cluster="", seconds=60.0, late=False):
        name = cluster or name_cluster(anna.organization, api.id, "production")
        measures = Measures({200: 2, 503: 1}, (0, 3), 10, 20, {"TLSv1.3": 3})
        return TrafficReport(source, Part(number, minute, seconds, late, 0, 0, {name: measures}))

    return make


def read_total(context, api, range_name="1h", **more):
    return show_api_traffic(context, api.id, range_name, **more)[1].total


def test_a_report_that_comes_twice_counts_once(recording, report, context, api):
    recording.record(EDGE, report(7))
    recording.record(EDGE, report(7))
    recording.record(EDGE, report(6))  # was stored before
    assert read_total(context, api).statuses == {200: 2, 503: 1}
    recording.record(EDGE, report(8))
    recording.record(EDGE, report(1, source="1" * 16))  # a new file
    recording.record(Peer("other"), report(1))
    assert read_total(context, api).requests == 12
    assert show_traffic(context, "1h").total.failures == 4
    assert read_total(context, api, gateway="other").requests == 3
    assert read_total(context, api, environment="sandbox").requests == 0


@pytest.mark.parametrize("range_name", RANGES)
def test_each_range_has_the_same_requests(recording, report, context, api, range_name):
    recording.record(EDGE, report())
    traffic = show_api_traffic(context, api.id, range_name)[1]
    assert traffic.total.requests == 3
    assert len(traffic.points) == traffic.range.length // traffic.range.step
    assert traffic.points[-1].measures.requests == 3


def test_a_gateway_reports_only_for_apis_of_its_group(recording, report, context, anna, api):
    recording.record(Peer("edge", group="Elsewhere"), report())
    for name in (f"another/{api.id}/production", f"{anna.organization}/nobody/production", "x", "//production"):
        recording.record(EDGE, report(len(name), cluster=name))
    assert read_total(context, api).requests == 0
    assert show_traffic(context, "1h").total.requests == 0


def test_other_times_are_not_counted_and_do_not_come_again(recording, report, context, api):
    for number, minute in enumerate((MINUTE + timedelta(minutes=6), MINUTE - timedelta(days=3)), 1):
        recording.record(EDGE, report(number, minute))
    assert read_total(context, api, "7d").requests == 0


def test_sources_that_a_gateway_invents_are_forgotten(store, recording, report):
    for number in range(MAX_SOURCES + 5):
        recording.record(EDGE, report(1, source=f"{number:016x}"))
    recording.record(Peer("other"), report(1))
    with store.read() as session:
        sources = Counter(session.scalars(select(TrafficSourceRow.gateway)))
    assert sources == {"edge": MAX_SOURCES, "other": 1}


def test_failures_at_times_that_a_gateway_invents_are_not_counted(store, anna, api):
    failures, causes = Failures(lambda: None, lambda: NOW), CauseCounts(store, lambda: NOW)
    times = [NOW - timedelta(seconds=1), *(NOW - LATE - timedelta(days=day) for day in range(1, 100))]
    for at in times:
        causes.add(failures.record(replace(make_request(str(at), f"{anna.organization}/{api.id}"), at=at)))
    asyncio.run(causes.write())
    with store.read() as session:
        assert set(session.scalars(select(TrafficCauseRow.at))) == {
            MINUTE,
            MINUTE.replace(minute=0),
            MINUTE.replace(hour=0, minute=0),
        }


def test_a_late_report_has_an_hour_but_no_minute(store, report, context, api):
    short = Lifetimes(timedelta(hours=2), LIFETIMES.hours, LIFETIMES.days)
    TrafficRecording(store, short, lambda: NOW).record(EDGE, report(1, MINUTE - timedelta(hours=3)))
    assert read_total(context, api, "6h").requests == 0
    assert read_total(context, api, "7d").requests == 3


def test_missing_and_partial_steps_are_not_zero(recording, report, context, api):
    for number, ago in enumerate((10, 9, 6), 1):
        recording.record(EDGE, report(number, MINUTE - timedelta(minutes=ago), late=ago == 6))
    for number, ago in enumerate((10, 8, 7, 6), 1):
        recording.record(Peer("other"), report(number, MINUTE - timedelta(minutes=ago)))
    points = {int((MINUTE - point.at).total_seconds() / 60): point for point in _read_points(context, api)}
    assert points[11].measures is None
    assert [ago for ago, point in points.items() if point.is_partial] == [9, 8, 7]
    assert [ago for ago, point in points.items() if point.is_late] == [6]
    assert points[5].measures is None


def _read_points(context, api):
    return show_api_traffic(context, api.id, "1h")[1].points


def test_old_traffic_is_deleted_by_resolution(store, recording, report, context, api):
    recording.record(EDGE, report())
    forget_old_traffic(store, NOW + timedelta(days=2), lifetimes=LIFETIMES.list_by_resolution())
    assert read_total(context, api, "1h").requests == 0
    assert read_total(context, api, "7d").requests == 3
    forget_old_traffic(store, NOW + timedelta(days=401), lifetimes=LIFETIMES.list_by_resolution())
    assert read_total(context, api, "7d").requests == 0


@pytest.mark.parametrize("wrong", [{"range_name": "2h"}, {"range_name": "1h", "environment": "staging"}])
def test_unknown_ranges_and_environments_are_refused(context, api, wrong):
    with pytest.raises(InvalidField):
        show_api_traffic(context, api.id, **wrong)
