"""Unused clusters and secrets stay for requests in flight, then they are removed."""

import asyncio

import pytest

from acting import context_of
from holdfast.gateway.resources.resource import CLUSTER, ROUTES, SECRET
from holdfast.services.catalog import apis, deletion, lifecycle
from holdfast.services.catalog.apis import ApiDraft
from holdfast.services.trust import endpoint_certificates
from issuing import issue
from services.control_plane import PATIENCE, advance, control_plane, play

URL = "https://pizza.test"
DRAIN = 60.0


@pytest.fixture
def move(store, anna, clock, served_api):
    return lambda action: lifecycle.change_lifecycle(context_of(store, anna, clock()), served_api.id, action)


def count(plane, kind):
    return len(plane.cache.get_resources(kind))


async def turn():
    """Let the loop run everything that is due."""
    for _ in range(3):
        await asyncio.sleep(0)


async def settle(gateway):
    async with asyncio.timeout(PATIENCE):
        await gateway.watch.wait()
    gateway.watch.clear()


async def until(gateway, condition):
    """Wait until *condition* holds; the first responses can be about an earlier change."""
    while not condition():
        await settle(gateway)


def test_routes_are_removed_at_once_and_clusters_after_the_drain(store, move):

    async def story():
        async with control_plane(store, drain=DRAIN) as plane:
            assert count(plane, ROUTES) == 1
            move("Demote to Created")
            await plane.published()
            assert count(plane, ROUTES) == 0
            gateway = plane.connect("edge")
            advance(DRAIN - 5)
            await turn()
            assert (count(plane, CLUSTER), count(plane, SECRET)) == (1, 1)
            advance(5)
            await until(gateway, lambda: (count(plane, CLUSTER), count(plane, SECRET)) == (0, 0))

    play(story())


def test_gateways_are_sent_the_removal_of_retired_resources(store, move):
    async def story():
        async with control_plane(store, drain=DRAIN) as plane:
            gateway = plane.connect("edge")
            gateway.answer()
            move("Demote to Created")
            await plane.published()
            assert [kind for kind, _ in gateway.receive()] == [ROUTES]
            gateway.answer()
            gateway.watch.clear()
            advance(DRAIN)
            await settle(gateway)
            return [(kind, len(update.removed)) for kind, update in gateway.receive()]

    assert play(story()) == [(SECRET, 1), (CLUSTER, 1)]


def test_a_resource_that_is_used_again_stays(store, move):
    async def story():
        async with control_plane(store, drain=DRAIN) as plane:
            move("Demote to Created")
            await plane.published()
            advance(DRAIN / 2)
            move("Publish")
            before = await plane.published()
            advance(DRAIN)
            await turn()
            assert plane.resources == before
            assert count(plane, CLUSTER) == 1

    play(story())


def test_a_resource_that_is_used_and_dropped_again_has_the_whole_drain(store, move):
    async def story():
        async with control_plane(store, drain=DRAIN) as plane:
            for action in ("Demote to Created", "Publish", "Demote to Created"):
                move(action)
                await plane.published()
                advance(DRAIN / 2 - 5)
            await turn()
            assert count(plane, CLUSTER) == 1  # 25 seconds after the last possible request
            gateway = plane.connect("edge")
            advance(DRAIN / 2 + 5)
            await until(gateway, lambda: count(plane, CLUSTER) == 0)

    play(story())


def test_a_replaced_secret_is_removed_unless_others_use_it(store, anna, clock, served_api):
    del served_api
    pasta = apis.create_api(context_of(store, anna, clock()), ApiDraft("Pasta", "/pasta", "1", "https://pasta.test"))
    lifecycle.change_lifecycle(context_of(store, anna, clock()), pasta.id, "Publish")
    shared, new = issue("pizza.test", "pasta.test"), issue("pizza.test")
    endpoint_certificates.import_certificate(context_of(store, anna, clock()), "a", URL, shared.pem)
    endpoint_certificates.import_certificate(context_of(store, anna, clock()), "b", "https://pasta.test", shared.pem)

    async def story():
        async with control_plane(store, drain=DRAIN) as plane:
            assert count(plane, SECRET) == 1
            endpoint_certificates.replace_certificate(context_of(store, anna, clock()), "a", new.pem)
            await plane.published()
            gateway = plane.connect("edge")
            advance(DRAIN)
            await turn()
            assert count(plane, SECRET) == 2
            gateway.watch.clear()
            deletion.delete_api(context_of(store, anna, clock()), pasta.id)
            await plane.published()
            assert count(plane, SECRET) == 2
            gateway.watch.clear()
            advance(DRAIN)
            await until(gateway, lambda: (count(plane, SECRET), count(plane, CLUSTER)) == (1, 1))

    play(story())
