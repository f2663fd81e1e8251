"""
A control stream over a real unix socket, between a control plane and an agent in this process.

    async with following(cache, tmp_path) as control:
        async with control.connect(GATEWAY, build_probe(...)) as connection: ...
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import grpc.aio

from holdfast.gateway.control.client import ControlClient
from holdfast.gateway.control.messages import METHOD, Message, write
from holdfast.gateway.control.probes import EnvoyProbes
from holdfast.gateway.control.reports import Report
from holdfast.gateway.control.service import Control
from holdfast.gateway.discovery.cache import Cache
from holdfast.gateway.peer import Peer
from holdfast.server.clock import utc_now

GATEWAY = "eu-1"
PATIENCE = 30  # seconds until a test that waits for something fails


class Agent:
    """An agent that does what a test says."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self.call: Any = channel.stream_stream(METHOD, None, None)()

    async def receive(self) -> Any:
        async with asyncio.timeout(PATIENCE):
            return json.loads(await self.call.read())

    async def send(self, *messages: bytes | Message) -> None:
        for message in messages:
            await self.call.write(message if isinstance(message, bytes) else write(message))

    async def status(self) -> Any:
        async with asyncio.timeout(PATIENCE):
            return await self.call.code()


@asynccontextmanager
async def serving(directory: Path) -> AsyncIterator[tuple[Control, grpc.aio.Channel]]:
    """Serve the control plane's end on a socket in *directory*; yield it with a channel to it."""
    control, server = Control(lambda _: Peer(GATEWAY), utc_now), grpc.aio.server()
    control.register(server)
    address = f"unix:{directory / 'control'}"
    server.add_insecure_port(address)
    await server.start()
    async with AsyncExitStack() as stack:
        stack.push_async_callback(server.stop, 0)
        yield control, await stack.enter_async_context(grpc.aio.insecure_channel(address))


@asynccontextmanager
async def following(
    cache: Cache, directory: Path, report: Callable[[], Awaitable[Report]] | None = None
) -> AsyncIterator[Control]:
    """Let an agent follow until the block ends; its Envoy follows *cache*, and takes probes at *directory* / probe."""
    async with serving(directory) as (control, channel):
        client = ControlClient(EnvoyProbes(cache, directory / "probe"), report)
        agent = asyncio.create_task(client.keep(channel))
        try:
            await until_connected(control)
            yield control
        finally:
            agent.cancel()
            await asyncio.gather(agent, return_exceptions=True)


async def until_connected(control: Control) -> None:
    """Wait until a gateway follows."""
    async with asyncio.timeout(PATIENCE):
        while not control.gateways:  # noqa: ASYNC110 - connecting sets no event
            await asyncio.sleep(0.001)
