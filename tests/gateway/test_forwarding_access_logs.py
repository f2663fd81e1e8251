"""Reports of failed requests that an agent passes on, even if the control plane was away."""

import asyncio
from contextlib import AsyncExitStack

import grpc
import grpc.aio
from envoy.service.accesslog.v3.als_pb2 import StreamAccessLogsMessage
from envoy.service.accesslog.v3.als_pb2_grpc import AccessLogServiceStub

from gateway.edge import PATIENCE
from gateway.test_access_log import make_entry, make_message
from holdfast.gateway.agent import access_logs
from holdfast.gateway.agent.access_logs import AccessLogForwarder
from holdfast.gateway.agent.channels import open_local_channel
from holdfast.gateway.discovery.ads import serve
from holdfast.gateway.failures.access_log import AccessLog
from holdfast.gateway.peer import Peer
from holdfast.gateway.resources.constants import FAILURES, REJECTIONS
from holdfast.server.clock import utc_now


class Agent:
    """An agent's forwarder with a stream from Envoy for each log, and a control plane that comes and goes."""

    def __init__(self, directory):
        self.directory = directory
        self.control_plane = f"unix:{directory / 'control'}"
        self.taken = []

    async def begin(self, stack):
        self.channel = channel = await stack.enter_async_context(open_local_channel(self.control_plane))
        self.forwarder = AccessLogForwarder()
        address = f"unix:{self.directory / 'ads'}"
        server = await serve(address, self.forwarder.register)
        stack.push_async_callback(server.stop, 0)
        following = asyncio.create_task(self.forwarder.follow(channel))
        stack.callback(following.cancel)
        envoy = await stack.enter_async_context(grpc.aio.insecure_channel(address))
        self.logs = {}
        for name in (FAILURES, REJECTIONS):
            self.logs[name] = AccessLogServiceStub(envoy).StreamAccessLogs()
            first = StreamAccessLogsMessage()
            first.identifier.log_name = name
            await self.logs[name].write(first)
        return self

    async def start_control_plane(self):
        service = AccessLog(lambda _: Peer("eu-1"), lambda _, request: self.taken.append(request), utc_now)
        return await serve(self.control_plane, service.register)

    async def report(self, name, *requests):
        for request in requests:
            await self.logs[name].write(make_message(make_entry(request)))

    async def until(self, condition):
        async with asyncio.timeout(PATIENCE):
            while not condition(self):  # noqa: ASYNC110 - the condition has no event
                await asyncio.sleep(0.005)

    @property
    def ids(self):
        return [request.request_id for request in self.taken]


def play(tmp_path, story):
    async def run():
        async with AsyncExitStack() as stack:
            agent = await Agent(tmp_path).begin(stack)
            await story(agent)

    asyncio.run(run())


def test_reports_reach_the_control_plane_in_the_name_of_the_connection(tmp_path):
    async def story(agent):
        server = await agent.start_control_plane()
        await agent.report(FAILURES, "r1", "r2")
        await agent.report(REJECTIONS, "r3")
        await agent.until(lambda agent: len(agent.taken) == 3)
        assert {request.gateway for request in agent.taken} == {"eu-1"}
        assert [request_id for request_id in agent.ids if request_id != "r3"] == ["r1", "r2"]
        await server.stop(0)

    play(tmp_path, story)


def test_while_the_control_plane_is_away_the_latest_failures_are_kept_and_lost_ones_counted(tmp_path, monkeypatch):
    size = make_message(make_entry("r000")).ByteSize()
    monkeypatch.setattr(access_logs, "MAX_WAITING", 3 * size + size // 2)  # times need more or fewer bytes
    monkeypatch.setattr(access_logs, "PAUSE", 0.05)

    async def story(agent):
        server = await agent.start_control_plane()
        await agent.report(FAILURES, "r000")
        await agent.until(lambda agent: agent.ids == ["r000"])
        await server.stop(0)
        await agent.until(lambda agent: agent.channel.get_state() is not grpc.ChannelConnectivity.READY)
        await agent.report(FAILURES, *(f"r{number:03}" for number in range(1, 11)))
        await agent.report(REJECTIONS, *(f"x{number:03}" for number in range(1, 101)))
        await agent.until(lambda agent: agent.forwarder.lost_messages >= 7 + 97)
        server = await agent.start_control_plane()
        await agent.until(lambda agent: "r010" in agent.ids and "x100" in agent.ids)
        assert [request_id for request_id in agent.ids if request_id[0] == "r"][-3:] == ["r008", "r009", "r010"]
        assert [request_id for request_id in agent.ids if request_id[0] == "x"] == ["x098", "x099", "x100"]
        await server.stop(0)

    play(tmp_path, story)


def test_messages_without_a_known_log_are_dropped(tmp_path):
    async def story(agent):
        server = await agent.start_control_plane()
        await agent.report("failures", "r1")
        async with grpc.aio.insecure_channel(f"unix:{tmp_path / 'ads'}") as channel:
            method = "/envoy.service.accesslog.v3.AccessLogService/StreamAccessLogs"
            call = channel.stream_unary(method, None, None)()
            await call.write(b"\xff")
            await call.write(make_message(make_entry("r2")).SerializeToString())
            await call.done_writing()
            await call
        await agent.until(lambda agent: agent.ids == ["r1"])
        await server.stop(0)

    play(tmp_path, story)
