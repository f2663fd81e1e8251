"""Gateways that disconnect and reconnect."""

import asyncio

import pytest

from gateway.edge import discovery, until, versions
from holdfast.gateway.discovery.subscription import NOT_IN_FORCE, Subscription
from holdfast.gateway.resources.resource import CLUSTER, LISTENER, ROUTES, SECRET, Resource


def make(name, version="1", kind=CLUSTER, body=b"body"):
    return Resource(kind, name, version, body)


def test_a_reconnecting_gateway_gets_only_what_is_new(tmp_path):
    async def story():
        async with discovery(tmp_path) as (cache, connect):
            cache.apply([make("a"), make("b")])
            edge = await connect("edge")
            await edge.ask(CLUSTER)
            await edge.take()
            edge.disconnect()
            await until(cache, lambda gateways: not gateways)
            cache.apply([make("b", "2")], [(CLUSTER, "a")])
            again = await connect("edge")
            await again.ask(CLUSTER, has={"a": "1", "b": "1"})
            updates = [await again.take(), await again.take()]
            await until(cache, lambda gateways: gateways[0].has((CLUSTER, "b"), "2"))
            assert len(cache.gateways) == 1
            return updates

    assert asyncio.run(story()) == [{"b": "2"}, {"a": ""}]


def test_a_reconnecting_gateway_keeps_the_clusters_that_its_routes_may_use_while_they_drain(tmp_path):
    async def story():
        async with discovery(tmp_path, drain=0.2) as (cache, connect):
            cache.apply([make("b")])
            edge, begin = await connect("edge"), asyncio.get_running_loop().time()
            await edge.ask(CLUSTER, has={"a": "1", "removed before": NOT_IN_FORCE})
            updates = [await edge.take() for _ in range(3)]
            return updates, asyncio.get_running_loop().time() - begin

    updates, seconds = asyncio.run(story())
    assert updates == [{"b": "1"}, {"removed before": ""}, {"a": ""}]
    assert seconds >= 0.2


def test_a_cluster_that_exists_again_while_it_drains_stays():
    subscription = Subscription(CLUSTER)
    subscription.request((), (), has := {"a": "1", "b": "1"}, first=True)
    assert subscription.retain(has, {})
    assert [update.removed for update in subscription.take_updates({}, ())] == [()]
    assert subscription.take_updates(current := {"a": make("a")}, ["a"]) == []
    subscription.release()
    assert [update.removed for update in subscription.take_updates(current, ())] == [("b",)]


def test_a_reconnecting_gateway_that_has_everything_counts_at_once(tmp_path):
    """Nothing is sent to it, so no ACK could wake those who wait for it."""

    async def story():
        async with discovery(tmp_path) as (cache, connect):
            cache.apply([make("s", kind=SECRET)])
            edge = await connect("edge")
            await edge.ask(SECRET, "s", has={"s": "1"})
            await until(cache, lambda gateways: gateways and gateways[0].has((SECRET, "s"), "1"))

    asyncio.run(story())


@pytest.mark.parametrize("serves_envoys", [False, True])
def test_a_reconnecting_gateway_has_not_started_before_it_has_named_its_routes(tmp_path, serves_envoys):
    """Until then, it would seem to have none."""

    async def story():
        async with discovery(tmp_path, serves_envoys=serves_envoys) as (cache, connect):
            edge = await connect("edge")
            await edge.ask(LISTENER, has={"production": "1"})
            await edge.receive()
            (gateway,) = cache.gateways
            assert not gateway.started
            await edge.ask(ROUTES, has={"production/pizza": "1"})
            await until(cache, lambda _: gateway.started)
            assert gateway.acknowledged[ROUTES, "production/pizza"] == "1"

    asyncio.run(story())


def test_a_gateway_with_60000_clusters_can_reconnect(tmp_path):
    has = {f"default/00000000-0000-0000-0000-{number:012}/production": "0" * 16 for number in range(60_000)}

    async def story():
        async with discovery(tmp_path) as (_, connect):
            edge = await connect("edge")
            await edge.ask(CLUSTER, has=has)
            return len(versions(await edge.receive()))

    assert asyncio.run(story()) == len(has)


def test_a_disconnected_gateway_is_removed_and_observers_are_woken(tmp_path):
    async def story():
        async with discovery(tmp_path) as (cache, connect):
            edges = [await connect(name) for name in ("one", "two")]
            for edge in edges:
                await edge.ask(CLUSTER)
            await until(cache, lambda gateways: {gateway.id for gateway in gateways} == {"one", "two"})
            edges[0].disconnect()
            await until(cache, lambda gateways: [gateway.id for gateway in gateways] == ["two"])

    asyncio.run(story())
