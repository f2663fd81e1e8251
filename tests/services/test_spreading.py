"""Gateways learn from the control plane that they follow where the others are, and leave it when it ends."""

import asyncio
from contextlib import AsyncExitStack
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.discovery_port import serving
from gateway.failover import NAME, Agent, follows, running, until
from holdfast.apis.gateways.control_plane import ControlPlane
from holdfast.gateway.agent.known_control_planes import read_control_planes
from holdfast.network.sockets import format_address
from holdfast.server.clock import utc_now
from holdfast.services.control_planes.presence import Presence
from holdfast.services.gateways import spreading
from holdfast.services.gateways.elsewhere import GatewaysElsewhere
from holdfast.services.gateways.spreading import Spreading, find_discovery_addresses, find_excess


class RunningControlPlane:
    """A control plane with a discovery port."""

    def __init__(self, store, port):
        self.port = port
        own = ControlPlane(
            str(port.number), f"c{port.number}", "1", utc_now(), utc_now(), (format_address(port.address),)
        )
        self.presence = Presence(store, own, own.id, shared=True)
        self.spreading = Spreading(self.presence, port.control, port.groups, GatewaysElsewhere())
        self._tasks = []

    async def begin(self):
        await self.presence.begin()
        self._tasks = [asyncio.create_task(part.follow()) for part in (self.presence, self.spreading)]

    async def restart(self):
        """Follow again, as after a failure."""
        *others, following = self._tasks
        following.cancel()
        await asyncio.wait([following])
        self._tasks = [*others, asyncio.create_task(self.spreading.follow())]
        await asyncio.sleep(0)

    async def end(self):
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if tasks:
            await self.presence.end()


@pytest.fixture
def play(store, tmp_path):
    """Run a story with two control planes that share a database, and a gateway that follows the first one."""

    def play(story):
        async def run_story():
            async with asyncio.timeout(60), serving() as port, serving(port.accepted_certificates) as second:
                one, other = RunningControlPlane(store, port), RunningControlPlane(store, second)
                async with running(Agent(tmp_path, port.enroll(NAME)[0])):
                    await until(lambda: follows(port))
                    await one.begin()
                    await other.begin()
                    await until(lambda: one.presence.others and other.presence.others)
                    try:
                        await story(one, other)
                    finally:
                        await one.end()
                        await other.end()

        asyncio.run(run_story())

    return play


def test_a_gateway_learns_which_control_planes_come_and_go(play, tmp_path, monkeypatch):
    async def story(one, other):
        listeners = []
        monkeypatch.setattr(one.presence, "add_listener", listeners.append)
        await one.restart()
        assert listeners == []
        await until(lambda: set(read_control_planes(tmp_path)) == {one.port.address, other.port.address})
        assert set(find_discovery_addresses(other.presence)) == {one.port.address, other.port.address}
        await other.end()
        await until(lambda: read_control_planes(tmp_path) == (one.port.address,))

    play(story)


def test_a_control_plane_that_ends_sends_its_gateways_to_another_first(play):
    async def story(one, other):
        await one.spreading.send_away(10)
        assert not follows(one.port)
        await until(lambda: follows(other.port))
        await one.end()
        await until(lambda: not other.presence.others)
        async with asyncio.timeout(30):
            await other.spreading.send_away(60)  # there is no other, so it doesn't wait
        assert follows(other.port)

    play(story)


def test_a_control_plane_that_ends_waits_only_so_long_for_gateways_that_stay(play):
    async def story(one, other):
        await other.port.server.stop(0)
        await one.spreading.send_away(0.05)
        assert follows(one.port)

    play(story)


@pytest.mark.parametrize(
    ("own", "counts", "excess"),
    [
        (5, [], 0),
        (1, [0], 0),
        (2, [0], 1),
        (3, [2], 0),
        (3, [2, 1], 1),
        (2, [3, 1], 0),
        (2, [2, 0], 0),
        (10, [10, 0], 3),
        (1000, [0], 500),
    ],
)
def test_a_control_plane_has_too_many_gateways_beyond_its_share(own, counts, excess):
    assert find_excess(own, counts) == excess


@given(st.lists(st.integers(0, 50), min_size=1, max_size=5))
def test_moving_the_excess_ends_with_the_share_of_each(counts):
    share = -(-sum(counts) // len(counts))
    for _ in range(sum(counts) + 1):
        excess = [find_excess(own, counts[:k] + counts[k + 1 :]) for k, own in enumerate(counts)]
        if not any(excess):
            break
        source = max(range(len(counts)), key=excess.__getitem__)
        counts[source] -= 1
        counts[counts.index(min(counts))] += 1
    assert max(counts) == share


def test_a_control_plane_asks_gateways_to_move_to_another_once_that_has_settled(play, tmp_path, monkeypatch):
    async def story(one, other):
        port = one.port
        async with running(Agent(tmp_path / "second", port.enroll("eu-2")[0])):
            await until(lambda: len(port.control.remote_gateways) == 2)
            one.spreading.move_excess()  # the other one has only just started
            assert not other.port.control.remote_gateways
            monkeypatch.setattr(spreading, "STARTUP_TIME", timedelta(days=-1))
            one.spreading.move_excess()
            await until(lambda: len(other.port.control.remote_gateways) == len(port.control.remote_gateways) == 1)

    (tmp_path / "second").mkdir()
    play(story)


def test_a_control_plane_without_its_database_gives_up_its_gateways_once_another_accepts_one(play, tmp_path):
    async def story(one, other):
        async with AsyncExitStack() as stack:
            for number in (2, 3):
                (tmp_path / str(number)).mkdir()
                agent = Agent(tmp_path / str(number), one.port.enroll(f"eu-{number}")[0])
                await stack.enter_async_context(running(agent))
            # An agent whose other stream is rejected would look for another control plane.
            await until(lambda: len(one.port.control.remote_gateways) == len(one.port.groups.gateways) == 3)
            peers = dict(one.port.accepted_certificates.peers)
            one.port.accepted_certificates.peers.clear()  # as without the database
            questions = other.port.accepted_certificates.authorizations
            one.spreading.give_up_gateways()
            await until(lambda: other.port.accepted_certificates.authorizations > questions)
            assert len(one.port.control.remote_gateways) == 3
            one.port.accepted_certificates.peers |= peers
            one.spreading.give_up_gateways()
            await until(lambda: len(other.port.control.remote_gateways) == 1)
            await until(lambda: len(one.port.control.remote_gateways) == 2)
            one.spreading.give_up_gateways()
            await until(lambda: len(other.port.control.remote_gateways) == 3)

    play(story)
