"""The agent's knowledge of unhealthy members, from a file of events, while no Envoy answers."""

import asyncio
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from gateway.test_member_events import CHECK, EJECTED
from holdfast.gateway.agent.in_force import EnvoyProgress
from holdfast.gateway.agent.member_watch import MemberWatch
from holdfast.gateway.agent.open_listeners import OpenListeners
from holdfast.gateway.discovery.cache import Cache
from holdfast.gateway.members import event_file
from holdfast.gateway.members.event_file import EventFile
from holdfast.gateway.resources.resource import CLUSTER, Resource

FAILS = CHECK % b'"health_check_failure_event":{"failure_type":"NETWORK","first_check":true}'
LATER = (CHECK % b'"eject_unhealthy_event":{"failure_type":"ACTIVE","http_status_code":503}').replace(b"T11:", b"T12:")
HEALTHY = CHECK % b'"add_healthy_event":{}'


@dataclass
class Process:
    """An Envoy that doesn't answer."""

    admin_socket: Path
    pid: int = 1
    left_running: None = None


@pytest.fixture
def cache():
    cache = Cache()
    cache.apply(Resource(CLUSTER, f"org/{api}/production", "1", b"") for api in "ac")
    return cache


def test_a_member_is_unhealthy_since_the_first_event_even_if_a_new_envoy_or_agent_finds_it_so(
    tmp_path, cache, monkeypatch
):
    monkeypatch.setattr(event_file, "REOPENED_WITHIN", 0.0)
    monkeypatch.setattr(event_file, "MAX_BYTES", 1)
    path = tmp_path / "events"

    async def health(file, *lines):
        with path.open("ab") as events:
            events.write(b"".join(line + b"\n" for line in lines))
        watch = MemberWatch(file, Process(tmp_path / "admin"), cache, EnvoyProgress(cache, OpenListeners(cache)))
        await watch.prepare()
        await watch.look()
        return watch.health

    async def story():
        with closing(EventFile(path, lambda: True)) as first, closing(EventFile(path, lambda: True)) as second:
            failing = await health(first, FAILS, LATER)
            assert path.read_bytes() == FAILS + b"\n"  # it was replaced, and begins with what is still true
            path.with_name("events.1").unlink()
            return failing, await health(second, HEALTHY)

    failing, later = asyncio.run(story())
    (member,) = failing.unhealthy
    assert (member.member, member.cause, member.status) == ("localhost:19001", "status", 503)
    assert (member.since.hour, failing.is_complete) == (11, True)
    assert later.unhealthy == ()


def test_nothing_is_called_healthy_while_it_is_unknown_whose_address_was_ejected(tmp_path, cache):
    path = tmp_path / "events"
    path.write_bytes(EJECTED + b"\n" + EJECTED.replace(b"org/c/", b"org/removed/") + b"\n")

    async def story():
        with closing(EventFile(path, lambda: True)) as file:
            watch = MemberWatch(file, Process(tmp_path / "admin"), cache, EnvoyProgress(cache, OpenListeners(cache)))
            await watch.look()
            incomplete = watch.health
            cache.apply((), [(CLUSTER, "org/c/production")])
            await watch.look()
            return incomplete, watch.health

    incomplete, complete = asyncio.run(story())
    assert (incomplete.unhealthy, incomplete.is_complete) == ((), False)
    assert complete.is_complete
