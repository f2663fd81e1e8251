"""Which gateways serve an API: those of the groups that it is deployed to, and no others."""

import asyncio

import pytest

from acting import context_of
from holdfast.apis.catalog.api import DEFAULT_ORGANIZATION
from holdfast.apis.enforcement import Enforcement, Progress
from holdfast.apis.gateways.gateway import Gateway, Placement
from holdfast.apis.gateways.group import DEFAULT_GROUP, Group
from holdfast.gateway.resources.resource import CLUSTER, LISTENER, ROUTES, SECRET
from holdfast.services.catalog import apis
from holdfast.services.gateways import groups
from holdfast.services.gateways.groups import GroupChange
from holdfast.services.publishing.routing import find_enforcement
from holdfast.store.gateways.gateways import insert as insert_gateway
from holdfast.store.gateways.groups import insert as insert_group
from services.control_plane import TYPES, advance, control_plane, play

ORIGIN = "https://pizza.test"
DRAIN = 60.0


@pytest.fixture(autouse=True)
def europe(store, anna, clock):
    """A group besides the default one."""
    groups.create_group(context_of(store, anna, clock()), "eu", GroupChange())


@pytest.fixture
def deploy(store, anna, clock):
    """Deploy an API to groups."""
    return lambda api, *names: apis.change_api(
        context_of(store, anna, clock()), api.id, members={"gatewayEnvironments": list(names)}
    )


def list_content(plane, group):
    """Return what a group is served, without listeners: type and name."""
    cache = plane.groups.caches[group]
    return {(kind, name) for kind in (CLUSTER, SECRET, ROUTES) for name in cache.get_resources(kind)}


async def drain():
    """Let the time pass after which unused resources are removed."""
    advance(DRAIN + 1)
    for _ in range(3):
        await asyncio.sleep(0)


def test_an_api_is_served_only_by_its_groups(store, served_api, deploy):
    async def story():
        async with control_plane(store, drain=DRAIN) as plane:
            everything = list_content(plane, DEFAULT_GROUP)
            assert list_content(plane, "eu") == set()
            deploy(served_api, "eu")
            await plane.published()
            assert list_content(plane, "eu") == everything
            assert {kind for kind, _ in list_content(plane, DEFAULT_GROUP)} == {
                CLUSTER,
                SECRET,
            }  # for requests in flight
            await drain()
            assert list_content(plane, DEFAULT_GROUP) == set()
            deploy(served_api, "eu", DEFAULT_GROUP)
            await plane.published()
            assert list_content(plane, DEFAULT_GROUP) == list_content(plane, "eu") == everything

    play(story())


def test_groups_share_their_resources(store, served_api, deploy):
    """Memory doesn't multiply by the number of groups."""

    async def story():
        async with control_plane(store) as plane:
            deploy(served_api, "eu", DEFAULT_GROUP)
            await plane.published()
            for kind in TYPES:
                ours = plane.groups.default.get_resources(kind)
                theirs = plane.groups.caches["eu"].get_resources(kind)
                assert ours.keys() == theirs.keys() != set()
                assert all(ours[name] is theirs[name] for name in ours)

    play(story())


def test_a_change_is_enforced_once_the_gateways_of_all_groups_of_the_api_have_it(
    store, served_api, deploy, import_another
):
    async def story():
        async with control_plane(store) as plane:
            deploy(served_api, "eu", DEFAULT_GROUP)
            await plane.published()
            first, second, third = plane.connect("local"), plane.connect("eu-1", "eu"), plane.connect("eu-2", "eu")
            for gateway in (first, second, third):
                gateway.answer()
            import_another()
            await plane.published()
            first.answer()
            second.answer()
            waiting = plane.enforcement(ORIGIN)
            third.answer()
            return waiting, await plane.until(ORIGIN, Progress.ENFORCED)

    waiting, enforcement = play(story())
    assert waiting == Enforcement(Progress.WAITING, 3, 2)
    assert str(enforcement) == f"Enforced on 3 gateways ({enforcement.milliseconds} ms)"


def test_gateways_of_other_groups_do_not_count(store, import_another):
    async def story():
        async with control_plane(store) as plane:
            gateway = plane.connect("eu-1", "eu")
            none = plane.enforcement(ORIGIN)
            plane.connect("local").answer()
            import_another()
            await plane.published()
            waiting = plane.enforcement(ORIGIN)
            updates = [update for kind, update in gateway.receive() if kind != LISTENER]
            assert {name for update in updates for name in update.resources} == set()
            return none, waiting

    none, waiting = play(story())
    assert none == Enforcement(Progress.NO_GATEWAY)
    assert waiting == Enforcement(Progress.WAITING, 1, 0)


def test_gateways_that_have_joined_and_are_not_connected_are_named(store, served_api, deploy, clock, import_another):
    """They may still have what was removed, so a change isn't reported without naming them."""
    with store.write() as session:
        for name, group in (("eu-1", "eu"), ("eu-2", "eu"), ("us-1", "us"), ("eu-3", "eu")):
            if group == "us":
                insert_group(session, Group("us", clock(), clock()))
            joined_at = None if name == "eu-3" else clock()
            gateway = Gateway(name, DEFAULT_ORGANIZATION, name, Placement(group, {}), clock(), joined_at)
            insert_gateway(session, gateway)

    async def story():
        async with control_plane(store) as plane:
            deploy(served_api, "eu")
            await plane.published()
            nobody = plane.enforcement(ORIGIN)
            plane.connect("eu-1", "eu").answer()
            import_another()
            await plane.published()
            waiting = plane.enforcement(ORIGIN)
            plane.connect("eu-2", "eu").answer()
            return nobody, waiting, plane.enforcement(ORIGIN)

    nobody, waiting, late = play(story())
    assert (nobody.progress, nobody.disconnected) == (Progress.NO_GATEWAY, ("eu-1", "eu-2"))
    assert (waiting.waiting_for, waiting.disconnected) == (("eu-1",), ("eu-2",))
    assert str(waiting) == "Waiting for gateways. Not connected: eu-2"
    assert (str(late), late.disconnected) == ("Waiting for eu-1 (1 of 2)", ())


def test_an_origin_counts_with_the_groups_of_all_apis_that_use_it(store, anna, publish, deploy, import_another):
    async def story():
        async with control_plane(store) as plane:
            deploy(publish(anna, "Pasta"), "eu")
            await plane.published()
            for gateway in (plane.connect("local"), plane.connect("eu-1", "eu")):
                gateway.answer()
            import_another()
            await plane.published()
            return plane.enforcement(ORIGIN)

    assert play(story()) == Enforcement(Progress.WAITING, 2, 0)


def test_waiting_for_routes_ends_when_the_gateways_of_each_group_follow(store, anna, clock, served_api, deploy):
    async def story():
        async with control_plane(store) as plane:

            def routes():
                return find_enforcement(context_of(store, anna, clock()), plane.enforcements, "/pizza", "1")

            local, remote = plane.connect("local"), plane.connect("eu-1", "eu")
            for gateway in (local, remote):
                gateway.answer()
            steps = [routes()]
            deploy(served_api, "eu")
            await plane.published()
            remote.answer()
            steps.append(routes())  # the local gateway still has the routes
            local.disconnect()
            local = plane.connect("local")
            local.gateway.started = False  # it hasn't named its routes yet
            steps.append(routes())
            local.gateway.started = True
            local.answer()
            await plane.until(ORIGIN, Progress.ENFORCED)
            return [*steps, routes()]

    assert play(story()) == [
        Enforcement(Progress.ENFORCED, 1, 1),
        Enforcement(Progress.WAITING, 2, 1),
        Enforcement(Progress.WAITING, 2, 1),
        Enforcement(Progress.ENFORCED, 1, 1),
    ]


def test_a_group_has_its_own_listen_addresses(store, anna, clock):
    context = context_of(store, anna, clock())
    listen = {"production": ["127.0.0.1:8290"], "productionTls": ["127.0.0.1:8291"]}

    def listeners(plane, group):
        return plane.groups.caches[group].get_resources(LISTENER)

    async def story():
        async with control_plane(store) as plane:
            assert listeners(plane, "eu") == listeners(plane, DEFAULT_GROUP)
            groups.change_group(context, "eu", GroupChange(listen=listen))
            await plane.until_true(lambda: listeners(plane, "eu") != listeners(plane, DEFAULT_GROUP))
            # A gateway without a certificate keeps the listener with TLS closed.
            assert listeners(plane, "eu").keys() == {"production", "production/tls", "sandbox"}
            assert listeners(plane, "eu")["sandbox"] is listeners(plane, DEFAULT_GROUP)["sandbox"]

    play(story())


def test_groups_are_followed_while_the_publisher_runs(store, anna, clock):
    context = context_of(store, anna, clock())

    async def story():
        async with control_plane(store) as plane:
            groups.create_group(context, "us", GroupChange())
            await plane.until_true(lambda: "us" in plane.groups.caches)
            assert plane.groups.caches["us"].get_resources(LISTENER)
            groups.delete_group(context, "us")
            await plane.until_true(lambda: "us" not in plane.groups.caches)

    play(story())
