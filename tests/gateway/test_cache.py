"""Current resources, the gateways that have them, and their observers."""

import asyncio
import contextlib

import pytest
from envoy.config.cluster.v3.cluster_pb2 import Cluster

from holdfast.gateway.discovery.cache import Cache
from holdfast.gateway.discovery.observers import SOON
from holdfast.gateway.resources.resource import CLUSTER, SECRET, Resource, make_resource
from holdfast.server.clock import utc_now

A, B = Resource(CLUSTER, "a", "1", b"a"), Resource(CLUSTER, "b", "1", b"b")


def test_resources_are_stored_by_type_and_name():
    cache = Cache()
    cache.apply([A, B, Resource(SECRET, "a", "9", b"")])
    assert cache.get_resources(CLUSTER) == {"a": A, "b": B}
    assert (cache.get(CLUSTER, "a"), cache.get(SECRET, "a").version, cache.get(SECRET, "b")) == (A, "9", None)
    assert cache.get_resources("nothing of this kind") == {}


def test_one_step_replaces_and_removes_resources():
    cache = Cache()
    cache.apply([A, B])
    newer = Resource(CLUSTER, "b", "2", b"b")
    cache.apply([newer], [(CLUSTER, "a"), (CLUSTER, "never there"), (SECRET, "nor this")])
    assert cache.get_resources(CLUSTER) == {"b": newer}


def test_a_step_that_removes_and_adds_the_same_name_adds_it():
    cache = Cache()
    cache.apply([A])
    cache.apply([A], [(CLUSTER, "a")])
    assert cache.get(CLUSTER, "a") == A


def test_a_change_wakes_every_stream_until_the_stream_ends():
    async def story():
        cache, now = Cache(), utc_now()
        (one, woken), (two, also) = cache.connect("one", now), cache.connect("two", utc_now())
        assert ([gateway.id for gateway in cache.gateways], one.connected_at) == (["one", "two"], now)
        cache.apply([A])
        assert woken.is_set()
        assert also.is_set()
        woken.clear()
        cache.disconnect(one, woken)
        cache.apply([B])
        assert not woken.is_set()
        assert cache.gateways == [two]
        cache.disconnect(one, woken)  # disconnecting twice does no harm

    asyncio.run(story())


def test_each_stream_learns_once_which_resources_changed():
    cache = Cache()
    _, early = cache.connect("early", utc_now())
    cache.apply([A])
    _, late = cache.connect("late", utc_now())
    cache.apply([B, Resource(SECRET, "s", "1", b"")], [(CLUSTER, "a"), (CLUSTER, "never there")])
    assert list(early.take(CLUSTER)) == ["a", "never there", "b"]
    assert list(late.take(CLUSTER)) == ["a", "never there", "b"]
    assert list(early.take(SECRET)) == list(late.take(SECRET)) == ["s"]
    assert not early.take(CLUSTER)
    assert not early.take("nothing of this kind")


def test_observers_are_woken_when_gateways_connect_and_disconnect():
    async def story():
        cache = Cache()
        observer = cache.observe()
        connection = cache.connect("one", utc_now())
        assert observer.is_set()
        observer.clear()
        cache.disconnect(*connection)
        assert observer.is_set()
        observer.clear()
        cache.stop_observing(observer)
        cache.tell_observers()
        assert not observer.is_set()

    asyncio.run(story())


def test_two_gateways_with_the_same_name_are_separate():
    async def story():
        cache = Cache()
        cache.connect("edge", utc_now())
        cache.connect("edge", utc_now())
        assert len(cache.gateways) == 2

    asyncio.run(story())


def test_equal_content_has_an_equal_version():
    one, same = (make_resource(CLUSTER, "a", Cluster(name="a")) for _ in range(2))
    changed_resource = make_resource(CLUSTER, "a", Cluster(name="a", type=Cluster.LOGICAL_DNS))
    assert one == same
    assert one.version != changed_resource.version
    assert Cluster.FromString(changed_resource.body).type == Cluster.LOGICAL_DNS


@pytest.mark.long
def test_several_notifications_in_a_short_time_wake_observers_once():
    async def story():
        cache = Cache()
        observer = cache.observe()
        for _ in range(1000):
            cache.tell_observers_soon()
        at_once = observer.is_set()
        wakes = 0
        for _ in range(2):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(observer.wait(), SOON * 3)
                observer.clear()
                wakes += 1
        cache.tell_observers_soon()
        await asyncio.wait_for(observer.wait(), 60)
        return at_once, wakes

    assert asyncio.run(story()) == (False, 1)
