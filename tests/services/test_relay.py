"""Gateways that follow another control plane are asked through it."""

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace

import grpc.aio
import pytest

from following import GATEWAY, PATIENCE, Agent, serving, until_connected
from holdfast.apis.catalog.endpoint import parse_endpoint
from holdfast.apis.errors import InvalidField
from holdfast.apis.identities.gateway_identity import UnsealedIdentity
from holdfast.certificates.identity import parse_reference
from holdfast.gateway.control.answers import (
    ConnectionEnd,
    ConnectResult,
    FailedHandshakeResult,
    HeadResult,
    ProbeFailure,
    ResolveResult,
)
from holdfast.gateway.control.service import Control
from holdfast.gateway.discovery.groups import Groups
from holdfast.gateway.peer import Peer
from holdfast.gateway.probing.connection import Answer, HeadAnswer, NoAnswer, ProbeRejected
from holdfast.gateway.probing.resources import build_probe, make_name
from holdfast.gateway.resources.tls import build_identity_secret
from holdfast.network.addresses import read_network
from holdfast.network.presentation import FailedHandshake, Obstacle
from holdfast.server.clock import utc_now
from holdfast.services.access.principal import Principal
from holdfast.services.probing import relay
from holdfast.services.probing.probes import Probes
from holdfast.services.probing.relay import GatewayElsewhere, Relay
from holdfast.services.probing.terms import Terms
from issuing import issue
from neighbours import Neighbour, neighbours
from store.values import read
from trusting import trust_set

USER = Principal("default", "anna")
NETWORKS = [read_network("192.0.2.0/24")]
NOTHING = trust_set((), parse_reference("backend.test"))


@dataclass
class Pair:
    """Two control planes; a gateway follows the second one."""

    asker: Neighbour
    other: Neighbour
    control: Control  # the asker's
    groups: Groups  # the other one's
    agent: Agent
    channel: grpc.aio.Channel  # to the asker
    follows: dict[str, GatewayElsewhere]

    async def connect(self, probe):
        async with self.control.connect(GATEWAY, probe) as connection:
            return connection.answer, await connection.ends_within(PATIENCE)


@asynccontextmanager
async def pair(store, directory):
    async with AsyncExitStack() as stack:
        asker, neighbour = await stack.enter_async_context(neighbours(store))
        theirs, channel = await stack.enter_async_context(serving(directory))
        agent, groups = Agent(channel), Groups()
        await until_connected(theirs)
        follows = {GATEWAY: GatewayElsewhere(Peer(GATEWAY), neighbour.id)}
        (directory / "ours").mkdir()
        ours, to_ours = await stack.enter_async_context(serving(directory / "ours"))
        ours.others = Relay(asker.mailbox, ours, Groups(), NETWORKS, lambda: follows)
        Relay(neighbour.mailbox, theirs, groups, NETWORKS, dict)
        yield Pair(asker, neighbour, ours, groups, agent, to_ours, follows)


def make_probe(address="192.0.2.1", identity=None):
    endpoint = parse_endpoint("https://backend.test")
    return build_probe(make_name(), endpoint, NOTHING, [address], identity)


def make_identity(name="gateway"):
    leaf = issue(name)
    return UnsealedIdentity(name, (read(leaf),), leaf.key_pem.decode())


def play(store, directory, story):
    async def run():
        async with pair(store, directory) as planes:
            await story(planes)

    asyncio.run(run())


def test_a_gateway_connects_for_another_control_plane_until_the_backend_closes(store, tmp_path):
    async def story(planes):
        probe = make_probe()
        asking = asyncio.create_task(planes.connect(probe))
        request = await planes.agent.receive()
        assert (request["kind"], request["resources"][0]["name"]) == ("connect", probe.cluster.name)
        await planes.agent.send(ConnectResult(request["id"], Answer(True, address="x")), ConnectionEnd(request["id"]))
        assert await asking == (Answer(True, address="x"), True)
        assert await planes.agent.receive() == {"kind": "end", "id": request["id"]}

    play(store, tmp_path, story)


def test_a_connection_ends_when_the_asker_leaves(store, tmp_path):
    async def story(planes):
        asking = asyncio.create_task(planes.connect(make_probe()))
        request = await planes.agent.receive()
        await planes.agent.send(ConnectResult(request["id"], Answer(True)))
        asking.cancel()
        assert await planes.agent.receive() == {"kind": "end", "id": request["id"]}

    play(store, tmp_path, story)


def test_other_tasks_are_relayed_too(store, tmp_path):
    async def story(planes):
        for ask, kind, result, expected in (
            (planes.control.send_head(GATEWAY, make_probe(), "/base"), "head", make_headed, HeadAnswer(204)),
            (planes.control.resolve(GATEWAY, "backend.test"), "resolve", make_resolved, ("192.0.2.1",)),
            (planes.control.probe_backend(GATEWAY, ["192.0.2.1"], 443, "", 1.0), "look", make_unseen, UNSEEN),
        ):
            asking = asyncio.create_task(ask)
            request = await planes.agent.receive()
            assert request["kind"] == kind
            await planes.agent.send(result(request["id"]))
            answer = await asking
            assert (answer.addresses if isinstance(answer, ResolveResult) else answer) == expected
            assert (await planes.agent.receive())["kind"] == "end"

    play(store, tmp_path, story)


UNSEEN = FailedHandshake(Obstacle.REFUSED, "Connection refused")


def make_headed(number):
    return HeadResult(number, HeadAnswer(204))


def make_resolved(number):
    return ResolveResult(number, ("192.0.2.1",))


def make_unseen(number):
    return FailedHandshakeResult(number, UNSEEN)


@pytest.mark.parametrize(
    ("reply", "error", "text"),
    [
        (ProbeFailure(1, True, "no such curve"), ProbeRejected, "no such curve"),
        (ProbeFailure(1, False, "Envoy isn't running."), NoAnswer, "isn't running"),
        (b"\x00", NoAnswer, "disconnected"),
    ],
)
def test_a_relayed_task_without_a_result_says_why(store, tmp_path, reply, error, text):
    async def story(planes):
        asking = asyncio.create_task(planes.connect(make_probe()))
        await planes.agent.receive()
        await planes.agent.send(reply)
        with pytest.raises(error, match=text):
            await asking

    play(store, tmp_path, story)


def test_a_gateway_that_disconnects_during_a_connection_ends_it(store, tmp_path):
    async def story(planes):
        asking = asyncio.create_task(planes.connect(make_probe()))
        request = await planes.agent.receive()
        await planes.agent.send(ConnectResult(request["id"], Answer(True)))
        planes.agent.call.cancel()
        with pytest.raises(NoAnswer, match="disconnected"):
            await asking
        with pytest.raises(NoAnswer, match="isn't connected"):
            await planes.control.resolve(GATEWAY, "backend.test")
        planes.follows.clear()
        with pytest.raises(NoAnswer, match="isn't connected"):
            await planes.control.resolve(GATEWAY, "backend.test")

    play(store, tmp_path, story)


def test_a_task_ends_at_once_when_the_other_control_plane_stops(store, tmp_path):
    async def story(planes):
        asking = asyncio.create_task(planes.connect(make_probe()))
        await planes.agent.receive()
        await planes.other.stop()
        with pytest.raises(NoAnswer, match="has stopped"):
            await asking

    play(store, tmp_path, story)


def test_a_task_ends_at_once_when_the_gateway_connects_to_the_asker(store, tmp_path):
    async def story(planes):
        asking = asyncio.create_task(planes.connect(make_probe()))
        await planes.agent.receive()
        agent = Agent(planes.channel)
        with pytest.raises(NoAnswer, match="disconnected"):
            await asking
        asking = asyncio.create_task(planes.control.resolve(GATEWAY, "backend.test"))
        request = await agent.receive()
        await agent.send(ResolveResult(request["id"], ("192.0.2.1",)))
        assert (await asking).addresses == ("192.0.2.1",)

    play(store, tmp_path, story)


def test_tests_connect_only_where_the_gateways_control_plane_allows_it(store, tmp_path):
    async def story(planes):
        for ask in (
            planes.connect(make_probe("198.51.100.7")),
            planes.control.send_head(GATEWAY, make_probe("198.51.100.7"), "/"),
            planes.control.probe_backend(GATEWAY, ["192.0.2.1", "198.51.100.7"], 443, "", 1.0),
        ):
            with pytest.raises(NoAnswer, match=r"connect to 198\.51\.100\.7"):
                await ask

    play(store, tmp_path, story)


def test_a_gateway_gets_a_key_in_a_test_only_if_it_has_it_for_traffic(store, tmp_path, monkeypatch):
    monkeypatch.setattr(relay, "PUBLISHED_WITHIN", 0.05)

    async def story(planes):
        identity, other_identity = make_identity(), make_identity("other")
        secret = build_identity_secret(identity)
        for probe in (
            make_probe(identity=identity),
            replace(make_probe(identity=other_identity), identity=secret.name),
        ):
            with pytest.raises(NoAnswer, match="isn't sent it"):
                await planes.connect(probe)
            planes.groups.default.apply([secret])
        asking = asyncio.create_task(planes.connect(make_probe(identity=identity)))
        request = await planes.agent.receive()
        await planes.agent.send(ConnectResult(request["id"], Answer(True)), ConnectionEnd(request["id"]))
        assert (await asking)[0].connected

    play(store, tmp_path, story)


def test_a_test_chooses_among_the_gateways_of_all_control_planes(store, tmp_path):
    async def story(planes):
        serving_gateways = {GATEWAY}
        probes = Probes(planes.control, "local", NETWORKS, now=utc_now, serves=lambda name, _: name in serving_gateways)
        asking = asyncio.create_task(probes.fetch(USER, "https://backend.test", Terms(NOTHING)))
        request = await planes.agent.receive()
        await planes.agent.send(ResolveResult(request["id"], ("192.0.2.1",)))
        assert (await planes.agent.receive())["kind"] == "end"
        request = await planes.agent.receive()
        await planes.agent.send(make_unseen(request["id"]))
        assert await asking == (UNSEEN, GATEWAY)
        serving_gateways.clear()
        with pytest.raises(InvalidField, match="isn't sent the key"):
            await probes.fetch(USER, "https://backend.test", Terms(NOTHING, make_identity()), GATEWAY)
        with pytest.raises(InvalidField, match="isn't connected"):
            await probes.fetch(USER, "https://backend.test", Terms(NOTHING), "eu-2")

    play(store, tmp_path, story)
