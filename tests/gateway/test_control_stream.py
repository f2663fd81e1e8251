"""The control stream over a real socket: probes that end early, and agents that misbehave."""

import asyncio
from contextlib import asynccontextmanager

import grpc
import grpc.aio
import pytest

from following import GATEWAY, PATIENCE, Agent, following, serving, until_connected
from holdfast.apis.catalog.endpoint import parse_endpoint
from holdfast.certificates.identity import parse_reference
from holdfast.gateway.control import client, service, stream
from holdfast.gateway.control.answers import ConnectionEnd, ConnectResult, HeadResult, ProbeFailure
from holdfast.gateway.control.messages import METHOD
from holdfast.gateway.discovery.cache import Cache
from holdfast.gateway.probing.connection import Answer, HeadAnswer, NoAnswer, ProbeRejected
from holdfast.gateway.probing.resources import build_probe, make_name
from holdfast.gateway.resources.resource import CLUSTER, SECRET
from holdfast.server.clock import utc_now
from trusting import trust_set


def a_probe():
    trust = trust_set((), parse_reference("backend.test"))
    return build_probe(make_name(), parse_endpoint("https://backend.test"), trust, ["192.0.2.1"])


@asynccontextmanager
async def agent(directory):
    async with serving(directory) as (control, channel):
        connected_agent = Agent(channel)
        await until_connected(control)
        yield control, connected_agent


async def connect(control, gateway=GATEWAY):
    async with control.connect(gateway, a_probe()) as connection:
        return connection.answer, await connection.ends_within(PATIENCE)


def names(cache):
    return [name for kind in (CLUSTER, SECRET) for name in cache.get_resources(kind)]


async def until(condition):
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110 - the condition has no event
            await asyncio.sleep(0.001)


def test_an_answer_is_passed_on_and_the_probe_is_ended(tmp_path):
    async def story():
        async with agent(tmp_path) as (control, connected_agent):
            asking = asyncio.create_task(connect(control))
            request = await connected_agent.receive()
            await connected_agent.send(
                ConnectResult(request["id"], Answer(True, address="x")), ConnectionEnd(request["id"])
            )
            assert await asking == (Answer(True, address="x"), True)
            assert await connected_agent.receive() == {"kind": "end", "id": request["id"]}
            head = asyncio.create_task(control.send_head(GATEWAY, a_probe(), "/base"))
            request = await connected_agent.receive()
            assert (request["kind"], request["path"]) == ("head", "/base")
            await connected_agent.send(HeadResult(request["id"], HeadAnswer(204)))
            assert await head == HeadAnswer(204)

    asyncio.run(story())


@pytest.mark.parametrize(
    ("reply", "error", "text"),
    [
        (ProbeFailure(1, True, "no such curve"), ProbeRejected, "no such curve"),
        (ProbeFailure(1, False, "Envoy isn't running."), NoAnswer, "isn't running"),
        (HeadResult(1, HeadAnswer(200)), NoAnswer, "another answer"),
        (b'{"kind":"connected","id":1}', NoAnswer, "disconnected"),
        (b"\x00", NoAnswer, "disconnected"),
    ],
)
def test_a_probe_without_a_result_says_why(tmp_path, reply, error, text):
    async def story():
        async with agent(tmp_path) as (control, connected_agent):
            asking = asyncio.create_task(connect(control))
            await connected_agent.receive()
            await connected_agent.send(reply)
            with pytest.raises(error, match=text):
                await asking

    asyncio.run(story())


def test_messages_about_probes_that_do_not_exist_are_ignored(tmp_path):
    async def story():
        async with agent(tmp_path) as (control, connected_agent):
            asking = asyncio.create_task(connect(control))
            request = await connected_agent.receive()
            late = [kind(99, *rest) for kind, rest in ((ConnectionEnd, ()), (ProbeFailure, (True, "x")))]
            await connected_agent.send(*late, b'{"kind":"added later"}')
            answers = [ConnectResult(request["id"], Answer(True, address=text)) for text in ("first", "second")]
            await connected_agent.send(*answers, ConnectionEnd(request["id"]))
            assert (await asking)[0].address == "first"

    asyncio.run(story())


def test_an_unreadable_message_ends_only_the_stream_of_its_agent(tmp_path):
    async def story():
        async with serving(tmp_path) as (control, channel):
            bad = Agent(channel)
            await until_connected(control)
            await bad.send(b"{")
            assert await bad.status() is grpc.StatusCode.INVALID_ARGUMENT
            await until(lambda: not control.gateways)
            with pytest.raises(NoAnswer, match="isn't connected"):
                await connect(control)
            good = Agent(channel)
            await until_connected(control)
            asking = asyncio.create_task(connect(control))
            request = await good.receive()
            await good.send(ConnectResult(request["id"], Answer(False, "expired")), ConnectionEnd(request["id"]))
            return (await asking)[0].reason

    assert asyncio.run(story()) == "expired"


def test_probes_end_when_the_gateway_disconnects(tmp_path):
    async def story():
        async with agent(tmp_path) as (control, connected_agent):
            asking = asyncio.create_task(connect(control))
            request = await connected_agent.receive()
            await connected_agent.send(ConnectResult(request["id"], Answer(True)))
            connected_agent.call.cancel()
            with pytest.raises(NoAnswer, match=f"{GATEWAY} disconnected"):
                await asking

    asyncio.run(story())


def test_the_newest_stream_of_a_gateway_is_used_and_their_number_is_limited(tmp_path):
    async def story():
        async with serving(tmp_path) as (control, channel):
            streams = []
            for number in range(1, service.MAX_STREAMS + 1):
                streams.append(Agent(channel))
                await until(lambda number=number: control.count_streams(GATEWAY) == number)
            assert await Agent(channel).status() is grpc.StatusCode.RESOURCE_EXHAUSTED
            asking = asyncio.create_task(connect(control))
            assert (await streams[-1].receive())["kind"] == "connect"
            asking.cancel()
            streams[-1].call.cancel()
            await until(lambda: control.count_streams(GATEWAY) == service.MAX_STREAMS - 1)
            asking = asyncio.create_task(connect(control))
            assert (await streams[-2].receive())["kind"] == "connect"
            asking.cancel()

    asyncio.run(story())


def test_the_number_of_probes_at_once_is_limited(tmp_path):
    async def story():
        async with agent(tmp_path) as (control, connected_agent):
            asking = [asyncio.create_task(connect(control)) for _ in range(service.MAX_TASKS)]
            for _ in asking:
                await connected_agent.receive()
            with pytest.raises(NoAnswer, match="too many probes"):
                await connect(control)
            for task in asking:
                task.cancel()

    asyncio.run(story())


def test_an_agent_that_receives_nothing_is_disconnected(tmp_path, monkeypatch):
    """Otherwise the messages for it would fill the memory."""
    monkeypatch.setattr(stream, "MAX_UNSENT", 4 * 1024 * 1024)

    async def story():
        async with agent(tmp_path) as (control, _):
            large = a_probe()
            object.__setattr__(large.secrets[0], "body", bytes(1024 * 1024))
            asking = [asyncio.create_task(control.send_head(GATEWAY, large, "/")) for _ in range(12)]
            outcomes = await asyncio.gather(*asking, return_exceptions=True)
            assert {str(outcome) for outcome in outcomes} == {f"The gateway {GATEWAY} disconnected."}
            await until(lambda: not control.gateways)

    asyncio.run(story())


# The agent


def test_an_agent_removes_the_resources_when_the_control_plane_ends_the_probe_or_disconnects(tmp_path):
    async def story():
        cache = Cache()
        cache.connect("envoy", utc_now())
        async with following(cache, tmp_path) as control:
            asking = asyncio.create_task(connect(control))
            await until(lambda: len(names(cache)) == 2)
            asking.cancel()
            await until(lambda: not names(cache))
            asking = asyncio.create_task(connect(control))
            await until(lambda: len(names(cache)) == 2)
        assert names(cache) == []
        with pytest.raises(NoAnswer, match="disconnected"):
            await asking

    asyncio.run(story())


def test_an_agent_ends_what_takes_too_long_and_limits_the_number_of_probes(tmp_path, monkeypatch):
    monkeypatch.setattr(client, "MAX_SECONDS", PATIENCE)
    monkeypatch.setattr(client, "MAX_PROBES", 1)

    async def story():
        cache = Cache()
        cache.connect("envoy", utc_now())
        async with following(cache, tmp_path) as control:
            slow = asyncio.create_task(connect(control))
            await until(lambda: names(cache))
            with pytest.raises(NoAnswer, match="too many probes"):
                await connect(control)
            slow.cancel()
            await until(lambda: not names(cache))
            monkeypatch.setattr(client, "MAX_SECONDS", 0.05)
            with pytest.raises(NoAnswer, match="in time"):
                await connect(control)
            await until(lambda: not names(cache))

    asyncio.run(story())


def test_an_agent_without_envoy_gives_the_reason(tmp_path):
    async def story():
        async with following(Cache(), tmp_path) as control:
            with pytest.raises(NoAnswer, match="Envoy isn't running"):
                await connect(control)

    asyncio.run(story())


def test_an_agent_connects_again_after_a_message_that_it_cannot_read(tmp_path):
    streams = 0

    async def follow(_, context):
        nonlocal streams
        streams += 1
        if streams == 1:
            await context.write(b'{"kind":"end"}')
        else:
            end.set()
        await asyncio.Event().wait()

    end = asyncio.Event()
    asyncio.run(keep_following(tmp_path, follow, end))
    assert streams == 2


@pytest.mark.long
def test_an_agent_that_is_rejected_waits_longer_each_time(tmp_path):
    times = []

    async def follow(_, context):
        times.append(asyncio.get_running_loop().time())
        if len(times) == 4:
            end.set()
        await context.abort(grpc.StatusCode.PERMISSION_DENIED, "revoked")

    end = asyncio.Event()
    asyncio.run(keep_following(tmp_path, follow, end))
    assert times[3] - times[2] >= 2 * client.FIRST_PAUSE  # the third pause is four times as long, or half of that


async def keep_following(directory, follow, end):
    """Let an agent follow a control plane that serves *follow*, until *end* is set."""
    server = grpc.aio.server()
    handler = grpc.stream_stream_rpc_method_handler(follow)
    service_name, name = METHOD.strip("/").split("/")
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service_name, {name: handler}),))
    address = f"unix:{directory / 'control'}"
    server.add_insecure_port(address)
    await server.start()
    async with grpc.aio.insecure_channel(address) as channel:
        keeping = asyncio.create_task(client.ControlClient(client.EnvoyProbes(Cache(), directory)).keep(channel))
        async with asyncio.timeout(PATIENCE):
            await end.wait()
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)
    await server.stop(0)
