"""Agents that know several control planes: which one they choose, and what they do when it goes."""

import asyncio
import socket
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import grpc
import pytest

from gateway.discovery_port import Port, serving
from gateway.edge import PATIENCE
from gateway.failover import NAME, Agent, follows, running, until
from holdfast.gateway.agent import control_plane, known_control_planes
from holdfast.gateway.agent.channels import open_local_channel
from holdfast.gateway.agent.control_plane import LocalControlPlane, keep_connected
from holdfast.gateway.agent.known_control_planes import CONTROL_PLANES_FILE, KnownControlPlanes, read_control_planes
from holdfast.gateway.control.notices import ControlPlanes
from holdfast.gateway.resources.resource import CLUSTER, Resource
from holdfast.network.addresses import Addresses


@asynccontextmanager
async def two_control_planes() -> AsyncIterator[tuple[Port, Port]]:
    """Run two control planes that accept the same gateways and serve the same."""
    async with serving() as one, serving(one.accepted_certificates) as other:
        yield one, other


def run(story) -> None:
    async def run_story() -> None:
        async with asyncio.timeout(60), two_control_planes() as ports:
            await story(*ports)

    asyncio.run(run_story())


@pytest.mark.long
def test_an_agent_whose_control_plane_ends_gets_only_the_differences_from_another_soon(tmp_path: Path):
    async def story(one: Port, other: Port) -> None:
        agent = Agent(tmp_path, one.enroll(NAME)[0])
        other.groups.default.apply([Resource(CLUSTER, "pizza", "1", b"")])
        async with running(agent):
            one.control.announce(ControlPlanes((one.address, other.address)))
            await until(lambda: follows(one) and read_control_planes(tmp_path) and agent.received == 1)
            began = asyncio.get_running_loop().time()
            await one.server.stop(0)
            await until(lambda: follows(other) and agent.received > 1)
            assert asyncio.get_running_loop().time() - began < PATIENCE / 2
            has = {(CLUSTER, "orders"): "1", (CLUSTER, "pizza"): "1"}
            await until(lambda: [gateway.acknowledged for gateway in other.groups.gateways] == [has])
            assert agent.received == 2

    run(story)


def test_an_agent_without_an_envoy_also_finds_another_control_plane(tmp_path: Path):
    async def story(one: Port, other: Port) -> None:
        agent = Agent(tmp_path, one.enroll(NAME)[0])
        async with running(agent):
            one.control.announce(ControlPlanes((one.address, other.address)))
            await until(lambda: follows(one) and read_control_planes(tmp_path))
            agent.end_envoy()
            await until(lambda: not one.groups.gateways)
            await one.server.stop(0)
            await until(lambda: other.control.gateways)  # where it can report that
            assert not other.groups.gateways

    run(story)


@pytest.mark.long
def test_an_agent_outlives_all_control_planes_that_it_knew_at_first(tmp_path: Path):
    async def story(one: Port, other: Port) -> None:
        membership, _ = one.enroll(NAME)
        agent = Agent(tmp_path, membership)
        async with running(agent):
            one.control.announce(ControlPlanes((one.address, other.address)))
            await until(lambda: follows(one) and read_control_planes(tmp_path))
            await one.server.stop(0)
            async with serving(one.accepted_certificates) as last:
                other.control.announce(ControlPlanes((other.address, last.address)))
                await until(lambda: last.address in read_control_planes(tmp_path))
                await other.server.stop(0)
                await until(lambda: follows(last))
                async with running(Agent(tmp_path, membership)):  # it starts where it finds one
                    await until(lambda: last.control.count_streams(NAME) == 2)

    run(story)


def test_an_agent_that_is_asked_to_moves_and_is_connected_all_the_time(tmp_path: Path):
    async def story(one: Port, other: Port) -> None:
        losses = []
        agent = Agent(tmp_path, one.enroll(NAME)[0])
        agent.control_plane.lose = lambda: losses.append("lost")
        async with running(agent):
            await until(lambda: follows(one) and agent.received)
            one.control.move(NAME, (other.address,))
            await until(lambda: follows(other) and not follows(one))
            other.control.move(NAME, (one.address,))
            await until(lambda: follows(one) and not follows(other))
        assert (losses, agent.received) == ([], 1)

    run(story)


def test_an_agent_that_ends_while_it_moves_leaves_no_channel_open(tmp_path: Path):
    following, ending = asyncio.Event(), asyncio.Event()

    class Moving(LocalControlPlane):
        async def connect(self):
            return open_local_channel(self.address)

        async def wait_until_outdated(self, _channel):
            await following.wait()
            return successor

    async def follow_until_released(_channel) -> None:
        following.set()
        try:
            await asyncio.Event().wait()
        finally:
            ending.set()
            await asyncio.Event().wait()

    async def story() -> None:
        nonlocal successor
        successor = open_local_channel(f"unix:{tmp_path}/other")
        task = asyncio.create_task(keep_connected(Moving(f"unix:{tmp_path}/one"), follow_until_released))
        await ending.wait()
        task.cancel()
        await asyncio.wait([task])
        assert successor.get_state() is grpc.ChannelConnectivity.SHUTDOWN

    successor = None
    asyncio.run(story())


def test_an_agent_that_ends_before_another_control_plane_accepts_it_closes_the_channel(tmp_path: Path, monkeypatch):
    async def story(one: Port, other: Port) -> None:
        channels = []

        async def never_accept(channel) -> bool:
            channels.append(channel)
            return await asyncio.Event().wait()

        monkeypatch.setattr(control_plane, "does_accept", never_accept)
        async with running(Agent(tmp_path, one.enroll(NAME)[0])):
            await until(lambda: follows(one))
            one.control.move(NAME, (other.address,))
            await until(lambda: channels)
        assert [channel.get_state() for channel in channels] == [grpc.ChannelConnectivity.SHUTDOWN]

    run(story)


def test_an_agent_that_is_asked_to_move_stays_if_it_reaches_no_other_control_plane(tmp_path: Path):
    async def story(one: Port, other: Port) -> None:
        agent = Agent(tmp_path, one.enroll(NAME)[0])
        async with running(agent):
            await until(lambda: follows(one))
            await other.server.stop(0)
            state = one.control.states.find(NAME)
            for addresses in ((), (one.address,), (other.address,)):
                one.control.move(NAME, addresses)
            one.control.announce(ControlPlanes((one.address,)))  # read after them
            await until(lambda: read_control_planes(tmp_path))
            assert one.control.states.find(NAME) == state

    run(story)


def test_an_agent_that_is_asked_to_move_stays_if_no_other_control_plane_accepts_it(tmp_path: Path):
    async def story(one: Port, _: Port) -> None:
        agent = Agent(tmp_path, one.enroll(NAME)[0])
        async with running(agent), serving() as strict:  # it accepts no gateway, as without its database
            await until(lambda: follows(one))
            state = one.control.states.find(NAME)
            one.control.move(NAME, (strict.address,))
            one.control.announce(ControlPlanes((one.address,)))  # read after that
            await until(lambda: read_control_planes(tmp_path))
            assert one.control.states.find(NAME) == state
            assert strict.accepted_certificates.authorizations

    run(story)


def test_an_agent_tries_another_control_plane_if_one_accepts_connections_but_no_streams(tmp_path: Path):
    async def story(one: Port, other: Port) -> None:
        async with serving() as strict:  # it accepts no gateway, as without its database
            agent = Agent(tmp_path, one.enroll(NAME)[0], addresses=(strict.address,))
            async with running(agent):
                await until(lambda: follows(one))
            assert not other.control.gateways

    run(story)


@pytest.mark.long
def test_an_agent_that_reaches_no_control_plane_from_the_start_tries_less_and_less_often(tmp_path: Path):
    async def story(one: Port, _other: Port) -> None:
        agent = Agent(tmp_path, one.enroll(NAME)[0])
        await one.server.stop(0)
        connect, times = agent.control_plane.connect, []

        def count():
            times.append(asyncio.get_running_loop().time())
            return connect()

        agent.control_plane.connect = count
        async with running(agent):
            await until(lambda: len(times) > 4)
        assert times[4] - times[1] > 0.35  # at least a tenth of 0.5, 1 and 2 seconds

    run(story)


def candidates(control_planes: KnownControlPlanes, **more) -> Addresses:
    return tuple(asyncio.run(control_planes.find_candidates(**more)))


def test_given_addresses_come_before_learned_ones_and_the_lost_one_comes_last(tmp_path: Path):
    first_addresses, new_addresses, joined_at = (
        (("192.0.2.1", 1), ("192.0.2.2", 1)),
        (("192.0.2.3", 1),),
        ("192.0.2.4", 1),
    )
    control_planes = KnownControlPlanes(tmp_path, joined_at, first_addresses)
    asyncio.run(control_planes.learn(new_addresses))
    orders = {candidates(control_planes) for _ in range(50)}
    assert orders == {
        (*first_addresses, *new_addresses, joined_at),
        (*reversed(first_addresses), *new_addresses, joined_at),
    }
    assert candidates(KnownControlPlanes(tmp_path, joined_at)) == (*new_addresses, joined_at)
    assert candidates(control_planes, first=(joined_at,))[0] == joined_at
    asyncio.run(control_planes.learn((("192.0.2.5", 1),)))
    assert candidates(control_planes)[2:] == (("192.0.2.5", 1), joined_at, *new_addresses)
    asyncio.run(control_planes.learn(new_addresses))
    one, two = first_addresses
    assert candidates(control_planes, last=one) == (two, *new_addresses, joined_at, ("192.0.2.5", 1), one)


def test_each_address_of_a_name_counts_and_a_name_without_any_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    addresses = {"control.example": ["192.0.2.1", "2001:db8::1"], "missing.example": []}

    def resolve(host, port, *_, **__):
        if not addresses[host]:
            raise socket.gaierror
        return [(None, None, None, "", (address, port)) for address in addresses[host]]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    joined_at, missing = ("control.example", 9081), ("missing.example", 9081)
    control_planes = KnownControlPlanes(tmp_path, joined_at, (missing,))
    orders = {candidates(control_planes) for _ in range(50)}
    resolved_addresses = (("192.0.2.1", 9081), ("2001:db8::1", 9081))
    assert orders == {(missing, *resolved_addresses), (missing, *reversed(resolved_addresses))}


def test_a_name_that_is_not_resolved_in_time_occupies_one_thread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    lookups, is_answered = [], threading.Event()

    def resolve_slowly(host, *_, **__):
        lookups.append(host)
        is_answered.wait(PATIENCE)
        return [(None, None, None, "", ("192.0.2.1", 0))]

    async def story() -> None:
        control_planes = KnownControlPlanes(tmp_path, ("control.example", 9081))
        for _ in range(3):
            assert await control_planes.find_candidates() == [("control.example", 9081)]
        is_answered.set()
        await until(lambda: asyncio.all_tasks() == {asyncio.current_task()})
        assert await control_planes.find_candidates() == [("192.0.2.1", 9081)]

    monkeypatch.setattr(socket, "getaddrinfo", resolve_slowly)
    monkeypatch.setattr(known_control_planes, "RESOLVED_WITHIN", 0.01)
    asyncio.run(story())
    assert len(lookups) == 2


@pytest.mark.parametrize("content", ["", "{}", '{"a": 1}', "[1]", '[["a"]]', "[[]]"])
def test_a_damaged_list_of_control_planes_is_ignored(tmp_path: Path, content: str):
    (tmp_path / CONTROL_PLANES_FILE).write_text(content)
    assert read_control_planes(tmp_path) == ()
