"""Versions that Envoy rejects: the agent returns to the one that was in force."""

import asyncio
from contextlib import AsyncExitStack
from datetime import timedelta

from gateway.agents import chain, make, serve_envoys, start_envoy, until
from holdfast.gateway.resources.resource import CLUSTER, LISTENER
from holdfast.server.clock import utc_now


def test_envoy_and_its_successors_keep_the_version_that_was_in_force_before_a_rejected_one(tmp_path):
    async def story():
        async with AsyncExitStack() as stack:
            control, agent, connect = await serve_envoys(stack, tmp_path)
            envoy = await start_envoy(connect)
            control.apply([make("a")])
            assert await envoy.take() == {"a": "1"}
            await until(lambda: control.gateways[0].has((CLUSTER, "a"), "1"))
            control.apply([make("a", "2")])
            await envoy.answer(await envoy.receive(), "a: no such thing")
            await until(lambda: control.gateways[0].rejected)
            assert agent.cache.get(CLUSTER, "a").version == "1"
            assert agent.saved == [("a", "1"), ("a", "2"), ("a", "1")]
            assert await envoy.take() == {"a": "1"}
            envoy.disconnect()
            await until(lambda: not control.gateways)
            successor = await connect("eu-1")
            await successor.ask(CLUSTER)
            assert await successor.take() == {"a": "1"}
            await successor.ask(LISTENER)
            await successor.take()
            # The control plane sends the rejected version once more, and gets the reason again.
            await until(lambda: control.gateways and control.gateways[0].rejected)
            assert control.gateways[0].rejected[CLUSTER, "a"].message == "a: a: no such thing"
            assert agent.cache.get(CLUSTER, "a").version == "1"
            control.apply([make("a", "3")])
            assert await successor.take() == {"a": "3"}
            await until(lambda: control.gateways[0].has((CLUSTER, "a"), "3") and not control.gateways[0].rejected)

    asyncio.run(story())


def test_a_rejected_version_is_tried_again_at_a_successor_although_the_old_envoy_still_runs(tmp_path):
    async def story():
        async with AsyncExitStack() as stack:
            control, agent, connect = await serve_envoys(stack, tmp_path)
            old = await start_envoy(connect)
            control.apply([make("a")])
            assert await old.take() == {"a": "1"}
            await until(lambda: control.gateways[0].has((CLUSTER, "a"), "1"))
            control.apply([make("a", "2")])
            await old.answer(await old.receive(), "a: no such thing")
            await until(lambda: control.gateways[0].rejected)
            assert await old.take() == {"a": "1"}
            successor = await connect("eu-1")
            agent.cache.gateways[-1].restart_epoch = 1
            await successor.ask(CLUSTER)
            assert await successor.take() == {"a": "1"}
            await successor.ask(LISTENER)
            assert await successor.take() == {}
            assert await successor.take() == {"a": "2"}
            await old.answer(await old.receive(), "a: no such thing")
            await until(lambda: agent.cache.gateways[0].rejected and not agent.cache.gateways[0].unanswered)
            old.disconnect()
            await until(lambda: control.gateways[0].has((CLUSTER, "a"), "2"))
            assert not control.gateways[0].rejected

    asyncio.run(story())


def test_a_rejection_returns_to_the_latest_version_that_envoy_has_acknowledged(tmp_path):
    async def story():
        async with chain(tmp_path) as (cache, agent, envoy):
            cache.apply([make("a")])
            await envoy.take()
            await until(lambda: cache.gateways[0].has((CLUSTER, "a"), "1"))
            cache.apply([make("a", "2")])
            second = await envoy.receive()
            cache.apply([make("a", "3")])
            await until(lambda: ("a", "3") in agent.saved)
            await envoy.answer(second)
            await envoy.answer(await envoy.receive(), "a: no such thing")
            assert await envoy.take() == {"a": "2"}
            await until(lambda: cache.gateways[0].rejected)

    asyncio.run(story())


def test_a_rejection_does_not_return_to_a_version_that_has_expired(tmp_path):
    async def story():
        async with chain(tmp_path) as (cache, agent, envoy):
            cache.apply([make("exception", expires_at=utc_now() + timedelta(hours=1))])
            await envoy.take()
            await until(lambda: cache.gateways[0].has((CLUSTER, "exception"), "1"))
            cache.apply([make("exception", "2")])
            response = await envoy.receive()
            agent.clock = lambda: utc_now() + timedelta(hours=2)
            await envoy.answer(response, "exception: no such thing")
            await until(lambda: cache.gateways[0].rejected)
            assert agent.cache.get(CLUSTER, "exception").version == "2"

    asyncio.run(story())
