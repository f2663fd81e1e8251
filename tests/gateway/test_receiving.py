"""Following a control plane can be cancelled at any moment."""

import asyncio

import grpc
import pytest
from envoy.service.discovery.v3.ads_pb2_grpc import (
    AggregatedDiscoveryServiceServicer,
    add_AggregatedDiscoveryServiceServicer_to_server,
)

from gateway.agents import Agent, make_directory, start_envoy
from gateway.edge import PATIENCE, discovery
from holdfast.gateway.agent.channels import open_local_channel
from holdfast.gateway.discovery.ads import ORDER, serve


class ControlPlane(AggregatedDiscoveryServiceServicer):
    """A control plane that rejects streams once it has read the first request of each type."""

    def register(self, server):
        add_AggregatedDiscoveryServiceServicer_to_server(self, server)

    async def DeltaAggregatedResources(self, _requests, context):  # noqa: N802 - the name in the protocol
        for _ in ORDER:
            await context.read()
        await context.abort(grpc.StatusCode.UNAVAILABLE, "not now")


class Channel:
    """A channel that calls a function at the moment in which a stream ends, before anything reads its end."""

    def __init__(self, channel, take_end):
        self._channel, self._take_end = channel, take_end

    def stream_stream(self, *args, **options):
        method = self._channel.stream_stream(*args, **options)

        def call():
            stream = method()
            stream.add_done_callback(lambda _: self._take_end())
            return stream

        return call


async def keep_following(upstream, channel):
    await upstream.follow(channel)


async def keep_filling(upstream, channel):
    while not await upstream.fill(channel):
        pass


@pytest.mark.parametrize("follow", [keep_following, keep_filling])
def test_following_ends_when_it_is_cancelled_as_the_control_plane_rejects_the_stream(tmp_path, follow):
    async def story():
        async with discovery(make_directory(tmp_path, "agent"), serves_envoys=True) as (own, connect):
            await start_envoy(connect)
            agent = Agent(own, tmp_path)
            address = f"unix:{tmp_path / 'control plane'}"
            server = await serve(address, ControlPlane().register)
            async with open_local_channel(address) as channel:
                cancelling = Channel(channel, lambda: following.cancel())  # noqa: PLW0108 - it doesn't exist yet
                following = asyncio.create_task(follow(agent.upstream, cancelling))
                done, _ = await asyncio.wait([following], timeout=PATIENCE / 3)
                # A task that continues forever would keep the test from ending.
                while not following.done():
                    following.cancel()
                    await asyncio.sleep(0)
            await server.stop(0)
            assert done

    asyncio.run(story())
