"""Groups of gateways: which cache a stream is bound to, and what groups share."""

import asyncio

import grpc.aio
import pytest
from envoy.config.cluster.v3.cluster_pb2 import Cluster
from envoy.service.accesslog.v3.als_pb2_grpc import AccessLogServiceStub

from gateway.edge import PATIENCE, Edge, identify, name_of, until, versions
from holdfast.gateway.discovery.ads import DiscoveryService, serve
from holdfast.gateway.discovery.groups import Groups
from holdfast.gateway.failures.access_log import AccessLog
from holdfast.gateway.resources.resource import CLUSTER, SECRET, Resource, make_resource
from holdfast.server.clock import utc_now


def resource(name, kind=CLUSTER):
    return Resource(kind, name, "1", b"")


def with_groups(directory, story):
    """Run *story* with groups Default and eu, and a function that connects a gateway to them over a real socket."""

    async def play():
        groups, address = Groups(), f"unix:{directory / 'ads'}"
        groups.add("eu")
        server = await serve(address, DiscoveryService(identify, groups.find_cache, utc_now).register)
        async with grpc.aio.insecure_channel(address) as channel:
            await story(groups, lambda name, group, node="x": Edge(channel, node, name_of(name, group)))
        await server.stop(0)

    asyncio.run(play())


def test_a_gateway_receives_only_the_resources_of_its_group(tmp_path):
    async def story(groups, connect):
        groups.default.apply([resource("a"), resource("everywhere")])
        groups.caches["eu"].apply([resource("b"), resource("everywhere")])
        edge = connect("eu-1", "eu")
        await edge.ask(CLUSTER)
        assert await edge.take() == {"b": "1", "everywhere": "1"}
        # Changes of another group aren't sent, so the next message is about the gateway's own.
        groups.default.apply([resource("c")], [(CLUSTER, "a")])
        groups.caches["eu"].apply([resource("d")])
        assert await edge.take() == {"d": "1"}

    with_groups(tmp_path, story)


def test_a_gateway_cannot_ask_for_the_resources_of_another_group(tmp_path):
    """Neither by name, nor by claiming to have a version of it: both are answered as if it didn't exist."""

    async def story(groups, connect):
        groups.default.apply([resource("secret", SECRET), resource("a")])
        edge = connect("eu-1", "eu")
        await edge.ask(SECRET, "secret", "never there")
        assert versions(await edge.receive()) == {"secret": "", "never there": ""}
        await edge.ask(CLUSTER, has={"a": "1", "never there": "1"})
        assert versions(await edge.receive()) == {"a": "", "never there": ""}

    with_groups(tmp_path, story)


def test_a_gateway_cannot_choose_its_name_or_group(tmp_path):
    async def story(groups, connect):
        await connect("eu-1", "eu", "Default").ask(CLUSTER)
        await until(groups.caches["eu"], lambda gateways: [gateway.id for gateway in gateways] == ["eu-1"])
        assert groups.default.gateways == []
        assert [gateway.id for gateway in groups.gateways] == ["eu-1"]

    with_groups(tmp_path, story)


def test_a_stream_of_an_unknown_group_is_rejected(tmp_path):
    async def story(_, connect):
        with pytest.raises(grpc.aio.AioRpcError) as refusal:
            await connect("eu-1", "us").receive()  # a request that is sent too late would hide the reason
        assert refusal.value.code() is grpc.StatusCode.PERMISSION_DENIED

    with_groups(tmp_path, story)


async def follow_resources(channel):
    await Edge(channel, "edge").receive()


async def report_failures(channel):
    call = AccessLogServiceStub(channel).StreamAccessLogs()
    await call.done_writing()
    await call


@pytest.mark.parametrize("use", [follow_resources, report_failures])
def test_a_stream_that_cannot_be_identified_is_rejected(tmp_path, use):
    async def story():
        groups, address, reports = Groups(), f"unix:{tmp_path / 'ads'}", []
        discovery = DiscoveryService(lambda _: None, groups.find_cache, utc_now)
        access_log = AccessLog(lambda _: None, lambda *report: reports.append(report), utc_now)
        server = await serve(address, discovery.register, access_log.register)
        async with grpc.aio.insecure_channel(address) as channel, asyncio.timeout(PATIENCE):
            with pytest.raises(grpc.aio.AioRpcError) as refusal:
                await use(channel)
        await server.stop(0)
        return refusal.value.code(), groups.gateways, reports

    assert asyncio.run(story()) == (grpc.StatusCode.PERMISSION_DENIED, [], [])


def test_observers_of_groups_are_woken_by_the_gateways_of_every_group():
    groups = Groups()
    of_all, one = groups.observe(), groups.default.observe()
    groups.add("eu").connect("eu-1", utc_now())
    assert (of_all.is_set(), one.is_set()) == (True, False)


def test_equal_resources_of_groups_are_one_object():
    groups = Groups()
    first, second, third = (make_resource(CLUSTER, "a", Cluster(name=name)) for name in ("a", "a", "b"))
    assert first is not second
    groups.default.apply([first])
    assert groups.share([second])[0] is first
    assert groups.share([third])[0] is third


def test_the_default_group_always_exists_and_a_removed_one_has_no_cache():
    groups = Groups()
    assert groups.add("Default") is groups.default
    groups.add("eu")
    groups.remove("eu")
    assert list(groups.caches) == ["Default"]
