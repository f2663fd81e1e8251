"""The discovery stream, from a real client to the real server."""

import asyncio

import grpc.aio

from gateway.edge import Edge, discovery, identify, until, versions
from holdfast.gateway.discovery.ads import DiscoveryService, serve
from holdfast.gateway.discovery.cache import Cache, Rejection
from holdfast.gateway.resources.resource import CLUSTER, LISTENER, ROUTES, SECRET, Resource
from holdfast.server.clock import utc_now

ENDPOINTS = "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment"


def make(name, version="1", kind=CLUSTER, body=b"body"):
    return Resource(kind, name, version, body)


def test_a_gateway_gets_the_resources_it_subscribes_to_and_acknowledges_them(tmp_path):
    async def story():
        async with discovery(tmp_path) as (cache, connect):
            cache.apply([make("a"), make("s", kind=SECRET)])
            edge = await connect("edge")
            await edge.ask(CLUSTER)
            response = await edge.receive()
            assert (response.type_url, versions(response)) == (CLUSTER, {"a": "1"})
            assert (response.resources[0].resource.type_url, response.resources[0].resource.value) == (CLUSTER, b"body")
            (gateway,) = cache.gateways
            assert (gateway.id, gateway.has((CLUSTER, "a"), "1")) == ("edge", False)
            await edge.answer(response)
            await until(cache, lambda gateways: gateways[0].has((CLUSTER, "a"), "1"))
            cache.apply([make("a", "2"), make("b")])
            assert await edge.take() == {"a": "2", "b": "1"}
            cache.apply([], [(CLUSTER, "a")])
            assert await edge.take() == {"a": ""}
            await until(cache, lambda gateways: set(gateways[0].acknowledged) == {(CLUSTER, "b")})

    asyncio.run(story())


def test_a_gateway_that_connects_gets_the_latest_changes_first(tmp_path):
    """Another control plane may have made them, so this one reads them before it sends anything."""

    async def story():
        cache, address = Cache(), f"unix:{tmp_path / 'ads'}"
        cache.apply([make("a")])

        async def welcome():
            cache.apply([make("a", "2")])

        server = await serve(address, DiscoveryService(identify, lambda _: cache, utc_now, welcome).register)
        async with grpc.aio.insecure_channel(address) as channel:
            edge = Edge(channel, "edge")
            await edge.ask(CLUSTER, has={"a": "2"})
            first = await edge.take()
            cache.apply([make("b")])
            second = await edge.take()
        await server.stop(0)
        return first, second

    assert asyncio.run(story()) == ({}, {"b": "1"})


def test_resources_are_sent_before_those_that_refer_to_them(tmp_path):
    async def story():
        async with discovery(tmp_path) as (cache, connect):
            edge = await connect("edge")
            for kind in (ROUTES, LISTENER, CLUSTER, SECRET):
                await edge.ask(kind, "x")
                assert await edge.take() == {"x": ""}
            cache.apply([make("x", kind=kind) for kind in (ROUTES, LISTENER, CLUSTER, SECRET)])
            return [(await edge.receive()).type_url for _ in range(4)]

    assert asyncio.run(story()) == [SECRET, CLUSTER, LISTENER, ROUTES]


def test_a_starting_gateway_gets_a_response_even_without_resources(tmp_path):
    async def story():
        async with discovery(tmp_path) as (cache, connect):
            edge = await connect("edge")
            await edge.ask(CLUSTER)
            assert await edge.take() == {}
            cache.apply([make("a")])
            return await edge.take()

    assert asyncio.run(story()) == {"a": "1"}


def test_a_missing_secret_is_reported_at_once_and_sent_when_it_is_added(tmp_path):
    async def story():
        async with discovery(tmp_path) as (cache, connect):
            edge = await connect("edge")
            await edge.ask(SECRET, "trust/1")
            first = await edge.take()
            cache.apply([make("trust/1", kind=SECRET), make("trust/2", kind=SECRET)])
            return first, await edge.take()

    assert asyncio.run(story()) == ({"trust/1": ""}, {"trust/1": "1"})


def test_a_rejection_is_recorded_and_the_version_never_sent_again(tmp_path):
    async def story():
        async with discovery(tmp_path) as (cache, connect):
            cache.apply([make("a")])
            edge = await connect("edge")
            await edge.ask(CLUSTER)
            await edge.answer(await edge.receive(), "a: bad")
            await until(cache, lambda gateways: gateways[0].rejected)
            assert cache.gateways[0].rejected == {(CLUSTER, "a"): Rejection("1", "a: bad")}
            cache.apply([make("b")])
            assert await edge.take() == {"b": "1"}
            cache.apply([make("a", "2")])
            assert await edge.take() == {"a": "2"}
            await until(cache, lambda gateways: not gateways[0].rejected)

    asyncio.run(story())


def test_a_stale_nonce_is_ignored(tmp_path):
    async def story():
        async with discovery(tmp_path) as (cache, connect):
            cache.apply([make("a")])
            edge = await connect("edge")
            await edge.ask(CLUSTER)
            response = await edge.receive()
            await edge.answer(response)
            await edge.answer(response, "too late")
            cache.apply([make("b")])
            await edge.take()
            await until(cache, lambda gateways: gateways[0].has((CLUSTER, "b"), "1"))
            return cache.gateways[0].rejected

    assert asyncio.run(story()) == {}


def test_two_gateways_are_served_and_counted_independently(tmp_path):
    async def story():
        async with discovery(tmp_path) as (cache, connect):
            cache.apply([make("a")])
            edges = [await connect("one"), await connect("two")]
            for edge in edges:
                await edge.ask(CLUSTER)
            assert [await edge.take() for edge in edges] == [{"a": "1"}] * 2
            cache.apply([make("a", "2")])
            responses = [await edge.receive() for edge in edges]
            await edges[0].answer(responses[0])
            await edges[1].answer(responses[1], "a: bad")
            await until(cache, lambda gateways: any(gateway.rejected for gateway in gateways))
            await until(cache, lambda gateways: any(gateway.has((CLUSTER, "a"), "2") for gateway in gateways))
            return {
                gateway.id: (gateway.acknowledged[CLUSTER, "a"], len(gateway.rejected)) for gateway in cache.gateways
            }

    assert asyncio.run(story()) == {"one": ("2", 0), "two": ("1", 1)}


def test_an_unsubscribed_name_is_no_longer_sent(tmp_path):
    async def story():
        async with discovery(tmp_path) as (cache, connect):
            cache.apply([make("a", kind=SECRET), make("b", kind=SECRET)])
            edge = await connect("edge")
            await edge.ask(SECRET, "a", "b")
            await edge.take()
            await edge.ask(SECRET, "c", unsubscribe=("a",))
            assert await edge.take() == {"c": ""}
            cache.apply([make("a", "2", SECRET), make("b", "2", SECRET)])
            return await edge.take()

    assert asyncio.run(story()) == {"b": "2"}


def test_an_unknown_type_does_not_disturb_the_stream(tmp_path):
    async def story():
        async with discovery(tmp_path) as (cache, connect):
            cache.apply([make("a")])
            edge = await connect("edge")
            await edge.ask(ENDPOINTS, "x")
            await edge.ask(CLUSTER)
            return (await edge.receive()).type_url

    assert asyncio.run(story()) == CLUSTER
