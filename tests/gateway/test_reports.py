"""Reports of gateways: what is accepted from an agent, and what the control plane remembers of it."""

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from following import GATEWAY, following
from gateway.edge import PATIENCE
from holdfast.gateway.control import states
from holdfast.gateway.control.answers import MAX_ANSWER
from holdfast.gateway.control.messages import MalformedMessage, read, write
from holdfast.gateway.control.reports import (
    MAX_NAME,
    MAX_PROBLEMS,
    MAX_TEXT,
    MAX_UNHEALTHY,
    REPORTS,
    Problem,
    ProblemKind,
    Report,
    Traffic,
)
from holdfast.gateway.control.states import GatewayStates
from holdfast.gateway.discovery.cache import Cache
from holdfast.gateway.failures.token_problem import TokenProblem
from holdfast.gateway.members.unhealthy import MemberHealth, UnhealthyMember
from holdfast.gateway.peer import Peer

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
REPORT = Report(NOW, NOW - timedelta(hours=1), "1.2.3")
FULL = Report(
    NOW,
    NOW - timedelta(hours=1),
    "1.2.3",
    "1.40.0",
    NOW - timedelta(minutes=1),
    2,
    NOW - timedelta(minutes=1, seconds=1),
    NOW,
    5,
    (Problem(ProblemKind.LISTENER, "Can't listen on 127.0.0.1:80: permission denied."),),
    (Traffic("production", 10, 3), Traffic("sandbox", 0, 0)),
    (
        TokenProblem("default/1/production", "token_request_rejected", "status 401, invalid_client"),
        TokenProblem("default/2/sandbox", "token_endpoint_unreachable", "connection_refused", NOW),
    ),
    health=MemberHealth((UnhealthyMember("default/a/production", "one.test", "192.0.2.1:443", "status", NOW, 503),)),
)


@pytest.mark.parametrize("report", [REPORT, FULL])
def test_a_report_is_read_as_it_was_written(report):
    assert read(write(report), REPORTS, MAX_ANSWER) == report


def test_an_agent_reports_a_limited_number_of_problems_of_limited_size():
    long = replace(REPORT, problems=(Problem(ProblemKind.STATE, "x" * 10_000),) * 100)
    problems = read(write(long), REPORTS, MAX_ANSWER).problems
    assert (len(problems), len(problems[0].text)) == (MAX_PROBLEMS, MAX_TEXT)


def test_an_agent_of_an_earlier_version_has_no_token_because_of_its_version():
    earlier = json.loads(write(FULL))
    del earlier["tokens"]
    report = read(json.dumps(earlier).encode(), REPORTS, MAX_ANSWER)
    missing = report.find_token_problem("default/1/production", lambda _: True)
    assert (missing.cause, missing.words) == ("tokens_not_supported", "Holdfast 1.2.3")
    assert report.find_token_problem("default/1/production", lambda _: False) is None
    assert FULL.find_token_problem("default/1/production", lambda _: True) == FULL.tokens[0]


def test_a_report_of_many_unhealthy_members_says_that_it_lacks_some():
    member = UnhealthyMember("c" * MAX_NAME, "m" * MAX_NAME, "a", "status")
    for members in ((member,) * (MAX_UNHEALTHY + 1), (replace(member, member="m" * (MAX_NAME + 1)),)):
        health = read(write(replace(FULL, health=MemberHealth(members))), REPORTS, MAX_ANSWER).health
        assert (len(health.unhealthy), health.is_complete) == (min(len(members) - 1, MAX_UNHEALTHY), False)


def test_an_agent_of_an_earlier_version_reports_no_health_rather_than_a_good_one():
    older = {name: value for name, value in json.loads(write(FULL)).items() if name != "health"}
    assert read(json.dumps(older).encode(), REPORTS, MAX_ANSWER) == replace(FULL, health=None)


def test_problems_of_another_version_are_left_out():
    newer = json.loads(write(FULL))
    newer["problems"].append({"kind": "added later", "text": "x"})
    assert read(json.dumps(newer).encode(), REPORTS, MAX_ANSWER) == FULL


@pytest.mark.parametrize(
    "change",
    [
        {"sentAt": None},
        {"sentAt": "2026"},
        {"sentAt": 1e300},
        {"startedAt": True},
        {"version": "x" * 101},
        {"envoyRestarts": -1},
        {"staleSince": []},
        {"problems": [{"kind": "state", "text": "x"}] * (MAX_PROBLEMS + 1)},
        {"problems": [{"kind": "state", "text": "x" * (MAX_TEXT + 1)}]},
        {"problems": ["x"]},
        {"traffic": [{"environment": "production", "requests": 1, "failures": 2}]},
        {"traffic": [{"environment": "x", "requests": 0, "failures": 0}] * 5},
        {"traffic": {}},
        {"health": {"complete": 1, "unhealthy": []}},
        {"health": {"complete": True, "unhealthy": [{"cluster": "c"}]}},
    ],
    ids=str,
)
def test_a_report_with_impossible_values_is_rejected(change):
    with pytest.raises(MalformedMessage):
        read(json.dumps(json.loads(write(FULL)) | change).encode(), REPORTS, MAX_ANSWER)


def test_only_the_state_counts_as_a_difference():
    later = replace(FULL, sent_at=NOW + timedelta(seconds=10), traffic=(Traffic("production", 20, 3),))
    assert not FULL.differs_from(later)
    assert FULL.differs_from(replace(later, problems=()))


def test_the_state_of_a_gateway_follows_its_connection_and_its_reports(monkeypatch):
    monkeypatch.setattr(states, "MAX_STATES", 2)
    gateway_states, peer = GatewayStates(), Peer("eu-1", "Europe")
    gateway_states.take("eu-1", REPORT, NOW)
    assert gateway_states.list_all() == []
    gateway_states.connect(peer, "ipv4:192.0.2.1:4711", NOW)
    gateway_states.take("eu-1", REPORT, NOW + timedelta(seconds=2))
    state = gateway_states.find("eu-1")
    assert (state.peer, state.connected_since, state.report) == (peer, NOW, REPORT)
    assert state.clock_offset == timedelta(seconds=-2)
    gateway_states.disconnect("eu-1", NOW + timedelta(seconds=9))
    state = gateway_states.find("eu-1")
    assert (state.connected_since, state.seen_at, state.report) == (None, NOW + timedelta(seconds=9), REPORT)
    for name in ("eu-3", "eu-2"):
        gateway_states.connect(Peer(name), "", NOW)
    assert [state.peer.name for state in gateway_states.list_all()] == ["eu-2", "eu-3"]
    assert gateway_states.find("eu-1") is None


def test_an_agent_reports_when_it_connects(tmp_path):
    async def build():
        return FULL

    async def story():
        async with following(Cache(), tmp_path, build) as control:
            async with asyncio.timeout(PATIENCE):
                while not control.states.find(GATEWAY).report:  # noqa: ASYNC110 - nothing sets an event
                    await asyncio.sleep(0.001)
            assert control.states.find(GATEWAY).connected_since
        async with asyncio.timeout(PATIENCE):
            while control.states.find(GATEWAY).connected_since:  # noqa: ASYNC110 - nothing sets an event
                await asyncio.sleep(0.001)
        return control.states.find(GATEWAY)

    state = asyncio.run(story())
    assert (state.report, state.connected_since) == (FULL, None)
    assert state.address.startswith("unix:")
