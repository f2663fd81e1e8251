"""A round of checks leaves most of the time to requests, and begins with the endpoints of new APIs."""

import itertools
import logging
import time
from datetime import timedelta

import pytest
import structlog

from acting import context_of
from backends import V4, closed_port
from following import GATEWAY, PATIENCE, following
from holdfast.gateway.discovery.cache import Cache
from holdfast.services.catalog import apis
from holdfast.services.watch import rounds
from holdfast.services.watch import watch as watch_module
from holdfast.services.watch.watch import SHORTEST_REST, Watch, find_rest
from holdfast.services.watch.watch_probes import WatchProbes
from services.control_plane import SEALING, play

INTERVAL = timedelta(hours=6)
MANY = 9


@pytest.mark.parametrize(("work", "rest"), [(0.001, 0.2), (0.1, 0.3), (0.3, 0.9), (8.0, 1.0)])
def test_rests_last_longer_than_the_work_before_them(work, rest):
    assert find_rest(work) == pytest.approx(rest)


@pytest.fixture
def warnings(monkeypatch):
    """The warnings of the watch."""
    events = []

    def take(_logger, _method, event):
        events.append(event["event"])
        raise structlog.DropEvent

    levels = structlog.make_filtering_bound_logger(logging.WARNING)
    monkeypatch.setattr(watch_module, "log", structlog.wrap_logger(None, [take], levels))
    return events


def create(store, clock, who, number, url):
    draft = apis.ApiDraft(f"Pizza{number}", f"/pizza{number}", "1", url)
    apis.create_api(context_of(store, who, clock()), draft)


@pytest.mark.long
def test_a_round_rests_after_each_group_and_says_if_it_takes_longer_than_the_interval(
    store, anna, clock, warnings, tmp_path
):
    async def story():
        async with following(Cache(), tmp_path) as control:
            probes = WatchProbes(control, GATEWAY, resolver=lambda _: [V4], seconds=PATIENCE, at_once=3)
            interval = timedelta(seconds=SHORTEST_REST)
            began, watch = time.monotonic(), Watch(store, SEALING, probes, clock, interval)
            await watch.check_all_due()
            assert warnings == ["backends are checked late"]
            return time.monotonic() - began

    with closed_port() as nowhere:
        for number in range(MANY):
            create(store, clock, anna, number, nowhere.replace(V4, f"h{number}.test"))
        assert play(story()) > 2 * SHORTEST_REST


@pytest.mark.long
def test_a_round_continues_although_others_write_unless_there_is_a_new_endpoint(store, anna, clock, tmp_path):
    numbers = itertools.count(MANY)

    async def story(url):
        async with following(Cache(), tmp_path) as control:

            def write(_):
                create(store, clock, anna, next(numbers), url)
                return [V4]

            probes = WatchProbes(control, GATEWAY, resolver=write, seconds=PATIENCE, at_once=1)
            return await Watch(store, SEALING, probes, clock, INTERVAL).check_due()

    with closed_port() as nowhere:
        first, new = (nowhere.replace(V4, f"{name}.test") for name in ("known", "new"))
        create(store, clock, anna, 0, first)
        create(store, clock, anna, 1, nowhere.replace(V4, "other.test"))
        assert not play(story(first))
        assert next(numbers) == MANY + 2  # one write during each check
        clock.advance(minutes=10)  # silent backends are tried again
        assert play(story(new))


def test_the_endpoint_of_a_new_api_is_checked_before_those_of_a_round_that_has_begun(store, anna, clock):
    for number in range(MANY):
        create(store, clock, anna, number, f"https://h{number}.test")
    assert len(rounds.find_due(store, clock(), INTERVAL, clock())) == MANY
    create(store, clock, anna, MANY, "https://new.test")
    first, *rest = rounds.find_due(store, clock(), INTERVAL, clock())
    assert first.place == (anna.organization, "https://new.test")
    assert len(rest) == MANY
