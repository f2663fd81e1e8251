"""An agent between a control plane and an Envoy."""

import asyncio
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import timedelta

from gateway.agents import Agent, begin, chain, make, make_directory, serve_envoys, start_envoy, take_changes, until
from gateway.edge import PATIENCE, discovery
from holdfast.gateway.agent import expiry
from holdfast.gateway.agent.channels import open_local_channel
from holdfast.gateway.agent.expiry import Expiries
from holdfast.gateway.discovery.cache import Cache
from holdfast.gateway.probing.resources import make_name
from holdfast.gateway.resources.listeners import build_listener
from holdfast.gateway.resources.resource import CLUSTER, LISTENER, SECRET
from holdfast.gateway.resources.token_requests import TOKEN_PREFIX
from holdfast.server.clock import utc_now
from ports import free_addresses


def test_an_update_is_acknowledged_once_envoy_has_acknowledged_it(tmp_path):
    async def story():
        async with chain(tmp_path) as (cache, _, envoy):
            cache.apply([make("a")])
            response = await envoy.receive()
            (gateway,) = cache.gateways
            assert not gateway.has((CLUSTER, "a"), "1")
            await envoy.answer(response)
            await until(lambda: gateway.has((CLUSTER, "a"), "1"))

    asyncio.run(story())


def test_an_update_that_cannot_be_stored_is_not_acknowledged(tmp_path):
    async def story():
        async with chain(tmp_path) as (cache, agent, envoy):
            agent.failure = RuntimeError("can't start new thread")
            cache.apply([make("a")])
            await envoy.take()
            agent.failure = None
            cache.apply([make("b")])
            await envoy.take()
            (gateway,) = cache.gateways
            await until(lambda: gateway.has((CLUSTER, "b"), "1"))
            assert not gateway.has((CLUSTER, "a"), "1")

    asyncio.run(story())


def test_a_rejection_reaches_the_control_plane_and_names_only_what_envoy_rejected(tmp_path):
    async def story():
        async with chain(tmp_path) as (cache, _, envoy):
            cache.apply([make("good"), make("bad")])
            await envoy.answer(await envoy.receive(), "bad: no such thing")
            (gateway,) = cache.gateways
            await until(lambda: gateway.rejected)
            assert {key: rejection.message for key, rejection in gateway.rejected.items()} == {
                (CLUSTER, "bad"): "bad: bad: no such thing"
            }
            assert gateway.has((CLUSTER, "good"), "1")

    asyncio.run(story())


def test_a_listener_is_acknowledged_once_it_accepts_connections(tmp_path):
    async def story():
        async with chain(tmp_path) as (cache, _, envoy):
            ((host, port),) = [address.split(":") for address in free_addresses(1)]
            cache.apply([build_listener("production", [(host, int(port))])])
            await envoy.take()
            (gateway,) = cache.gateways
            version = cache.get_resources(LISTENER)["production"].version
            await asyncio.sleep(0)
            assert not gateway.has((LISTENER, "production"), version)
            server = await asyncio.start_server(lambda _, writer: writer.close(), host, int(port))
            async with server:
                await until(lambda: gateway.has((LISTENER, "production"), version))

    asyncio.run(story())


def test_a_newer_version_answers_for_the_older_one(tmp_path):
    async def story():
        async with chain(tmp_path) as (cache, agent, envoy):
            cache.apply([make("a")])
            first = await envoy.receive()
            cache.apply([make("a", "2")])
            await until(lambda: ("a", "2") in agent.saved)
            await envoy.answer(first)
            await envoy.take()
            await until(lambda: cache.gateways[0].has((CLUSTER, "a"), "2"))
            assert not cache.gateways[0].unanswered

    asyncio.run(story())


def test_a_removal_is_acknowledged_once_envoy_has_removed_it(tmp_path):
    async def story():
        async with chain(tmp_path) as (cache, _, envoy):
            cache.apply([make("a")])
            await envoy.take()
            (gateway,) = cache.gateways
            await until(lambda: gateway.has((CLUSTER, "a"), "1"))
            cache.apply([], [(CLUSTER, "a")])
            response = await envoy.receive()
            assert (CLUSTER, "a") in gateway.acknowledged
            await envoy.answer(response)
            await until(lambda: not gateway.acknowledged)

    asyncio.run(story())


def test_a_secret_that_no_cluster_names_holds_nothing_back_and_can_still_be_rejected(tmp_path):
    async def story():
        async with chain(tmp_path) as (cache, _, envoy):
            cache.apply([make("trust/1", type_url=SECRET)])
            (gateway,) = cache.gateways
            await until(lambda: gateway.has((SECRET, "trust/1"), "1"))
            await envoy.ask(SECRET, "trust/1")
            await envoy.answer(await envoy.receive(), "trust/1: unreadable")
            await until(lambda: (SECRET, "trust/1") in gateway.rejected)

    asyncio.run(story())


def test_a_cluster_is_not_in_force_without_the_secret_that_it_names(tmp_path):
    """Envoy may acknowledge a cluster before it has its secret, and answers 503 until then."""

    async def story():
        async with chain(tmp_path) as (cache, _, envoy):
            cache.apply([make("trust/1", type_url=SECRET), replace(make("a"), body=b"sds: trust/1"), make("b")])
            clusters = await envoy.receive()
            await envoy.ask(SECRET, "trust/1")
            secret = await envoy.receive()
            (gateway,) = cache.gateways
            await envoy.answer(clusters)
            cache.apply([make("b", "2")])
            await envoy.take()
            await until(lambda: gateway.has((CLUSTER, "b"), "2"))
            assert not gateway.has((CLUSTER, "a"), "1")
            await envoy.answer(secret)
            await until(lambda: gateway.has((CLUSTER, "a"), "1"))

    asyncio.run(story())


def test_a_control_plane_that_returns_is_asked_for_differences_only(tmp_path):
    async def story():
        async with AsyncExitStack() as stack:
            envoy, agent = await begin(stack, tmp_path)
            async with discovery(tmp_path / "control") as (cache, _):
                cache.apply([make("a"), make("b"), make("c")])
                await envoy.take()
                await until(lambda: cache.gateways and cache.gateways[0].has((CLUSTER, "c"), "1"))
            await until(lambda: agent.upstream.stale_since)
            agent.saved.clear()
            async with discovery(tmp_path / "control") as (cache, _):
                cache.apply([make("a"), make("b", "2")])
                await until(lambda: cache.gateways and cache.gateways[0].has((CLUSTER, "a"), "1"))
                assert await take_changes(envoy, 2) == {"b": "2", "c": ""}
                await until(lambda: cache.gateways[0].has((CLUSTER, "b"), "2"))
            assert sorted(agent.saved) == [("b", "2"), ("c", "")]

    asyncio.run(story())


def test_a_control_plane_that_returns_learns_what_is_not_stored_or_not_removed_yet(tmp_path):
    """A crash could bring back what the control plane took for removed."""

    async def story():
        async with AsyncExitStack() as stack:
            envoy, agent = await begin(stack, tmp_path)
            async with discovery(tmp_path / "control") as (cache, _):
                cache.apply([make("a"), make("b"), make("c")])
                await envoy.take()
                await until(lambda: cache.gateways and cache.gateways[0].has((CLUSTER, "c"), "1"))
                agent.disk.clear()
                cache.apply([make("a", "2")], [(CLUSTER, "b")])
                assert await take_changes(envoy, 2) == {"a": "2", "b": ""}
                cache.apply([], [(CLUSTER, "c")])
                removal = await envoy.receive()
            await until(lambda: agent.upstream.stale_since)
            async with discovery(tmp_path / "control") as (cache, _):
                cache.apply([make("a", "2"), make("d")])
                await until(lambda: cache.gateways and cache.gateways[0].started)
                (gateway,) = cache.gateways
                assert await envoy.take() == {"d": "1"}
                assert gateway.acknowledged.keys() == {(CLUSTER, name) for name in "abc"}
                assert not gateway.has((CLUSTER, "a"), "2")
                agent.disk.set()
                await until(lambda: gateway.has((CLUSTER, "a"), "2") and not gateway.follows((CLUSTER, "c"), None))
                await envoy.answer(removal)
                await until(lambda: gateway.acknowledged.keys() == {(CLUSTER, "a"), (CLUSTER, "d")})

    asyncio.run(story())


def test_a_rejected_resource_that_the_control_plane_no_longer_has_is_removed(tmp_path):
    async def story():
        async with AsyncExitStack() as stack:
            envoy, agent = await begin(stack, tmp_path)
            agent.cache.apply([make("bad")])
            await envoy.answer(await envoy.receive(), "bad: no such thing")
            async with discovery(tmp_path / "control"):
                assert await envoy.take() == {"bad": ""}

    asyncio.run(story())


def test_a_gateway_without_a_running_envoy_is_not_connected(tmp_path):
    async def story():
        async with AsyncExitStack() as stack:
            control, _, connect = await serve_envoys(stack, tmp_path)
            envoy = await start_envoy(connect)
            await until(lambda: control.gateways)
            envoy.disconnect()
            await until(lambda: not control.gateways)
            control.apply([make("a")])
            envoy = await start_envoy(connect)
            await envoy.take()
            await until(lambda: control.gateways and control.gateways[0].has((CLUSTER, "a"), "1"))

    asyncio.run(story())


def test_an_agent_can_be_stopped_at_the_moment_when_its_envoy_ends(tmp_path):
    async def story():
        async with discovery(make_directory(tmp_path, "agent"), serves_envoys=True) as (own, connect):
            agent = Agent(own, make_directory(tmp_path, "."))
            make_directory(tmp_path, "control")
            async with discovery(tmp_path / "control") as (cache, _), open_local_channel(agent.address) as channel:
                following = asyncio.create_task(agent.upstream.follow(channel))
                envoy = await start_envoy(connect)
                await until(lambda: cache.gateways)
                observer = own.observe()
                envoy.disconnect()
                while own.gateways:
                    await observer.wait()
                    observer.clear()
                following.cancel()
                await asyncio.wait([following], timeout=PATIENCE)
                assert following.cancelled()

    asyncio.run(story())


def test_everything_is_received_before_a_running_envoy_is_answered(tmp_path):
    async def story():
        async with discovery(make_directory(tmp_path, "agent"), serves_envoys=True) as (own, _):
            agent = Agent(own, make_directory(tmp_path, "."))
            make_directory(tmp_path, "control")
            async with open_local_channel(agent.address) as channel:
                assert not await agent.upstream.fill(channel)
            async with discovery(tmp_path / "control") as (cache, _):
                cache.apply([make("a"), make("b", type_url=SECRET)])
                async with open_local_channel(agent.address) as channel, asyncio.timeout(PATIENCE):
                    while not await agent.upstream.fill(channel):  # noqa: ASYNC110 - gRPC pauses between attempts
                        await asyncio.sleep(0.02)
            assert set(own.get_resources(CLUSTER)) == {"a"}
            assert sorted(agent.saved) == [("a", "1"), ("b", "1")]

    asyncio.run(story())


def test_a_resource_expires_without_a_control_plane(tmp_path, monkeypatch):
    monkeypatch.setattr(expiry, "LONGEST_SLEEP", 0.02)

    async def story():
        async with AsyncExitStack() as stack:
            envoy, agent = await begin(stack, tmp_path)
            async with discovery(tmp_path / "control") as (cache, _):
                end = utc_now() + timedelta(hours=1)
                cache.apply([make("exception", expires_at=end), make("endless")])
                assert await envoy.take() == {"exception": "1", "endless": "1"}
            await until(lambda: agent.upstream.stale_since)
            agent.clock = lambda: end + timedelta(seconds=1)
            assert await envoy.take() == {"exception": ""}
            assert list(agent.cache.get_resources(CLUSTER)) == ["endless"]

    asyncio.run(story())


def test_a_clock_that_jumps_ends_what_has_expired_and_nothing_else(monkeypatch):
    monkeypatch.setattr(expiry, "LONGEST_SLEEP", 0.02)

    async def story():
        clock, cache = [utc_now()], Cache()
        expiries = Expiries(cache, lambda: clock[0])
        resources = [make("hour", expires_at=clock[0] + timedelta(hours=1)), make("endless")]
        cache.apply([*resources, make("day", expires_at=clock[0] + timedelta(days=1))])
        expiries.watch(cache.get_resources(CLUSTER).values())
        following = asyncio.create_task(expiries.follow())
        for jump, count in ((-365, 3), (365.1, 2), (-1, 2), (2, 1)):  # days
            clock[0] += timedelta(days=jump)
            await until(lambda count=count: len(cache.get_resources(CLUSTER)) == count)
        following.cancel()

    asyncio.run(story())


def test_a_clock_that_is_set_back_lets_nothing_last_longer_in_a_running_agent():
    async def story():
        clock, cache = [utc_now()], Cache()
        expiries = Expiries(cache, lambda: clock[0])
        cache.apply([make("soon", expires_at=clock[0] + timedelta(seconds=0.2)), make("endless")])
        expiries.watch(cache.get_resources(CLUSTER).values())
        following = asyncio.create_task(expiries.follow())
        clock[0] -= timedelta(days=1)
        await until(lambda: list(cache.get_resources(CLUSTER)) == ["endless"])
        following.cancel()

    asyncio.run(story())


def test_probes_and_tokens_stay_when_the_agent_connects_again(tmp_path):
    """The control plane doesn't know them, so it would remove them if the agent named them."""
    name, token = make_name(), f"{TOKEN_PREFIX}1"

    async def story():
        async with AsyncExitStack() as stack:
            envoy, agent = await begin(stack, tmp_path)
            agent.cache.apply([make(name), make(token, type_url=SECRET)])
            assert await envoy.take() == {name: "1"}
            async with discovery(tmp_path / "control") as (cache, _):
                cache.apply([make("a")])
                assert await envoy.take() == {"a": "1"}
                await until(lambda: cache.gateways[0].has((CLUSTER, "a"), "1"))
                assert set(cache.gateways[0].acknowledged) == {(CLUSTER, "a")}
                assert agent.cache.get(CLUSTER, name)
                assert agent.saved == [("a", "1")]  # the token isn't removed from the disk

    asyncio.run(story())
