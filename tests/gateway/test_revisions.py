"""A gateway has a revision in force only once it has applied all of it."""

import asyncio
from datetime import UTC, datetime

from gateway.edge import discovery, until
from holdfast.gateway.discovery.revisions import record_revision
from holdfast.gateway.resources.resource import CLUSTER, ROUTES, Resource

NOW = datetime(2026, 11, 28, tzinfo=UTC)


def make(name, version="1"):
    return Resource(CLUSTER, name, version, b"body")


def test_a_revision_is_in_force_once_every_update_of_it_is_acknowledged(tmp_path):
    async def story():
        async with discovery(tmp_path) as (cache, connect):
            states = []

            def record(revision):
                (gateway,) = cache.gateways
                record_revision(cache.gateways, revision, NOW)
                number = gateway.applied.revision if gateway.applied else None
                states.append((number, gateway.behind, gateway.behind_since is not None))

            cache.apply([make("a"), make("b")])
            edge = await connect("edge")
            await edge.ask(CLUSTER)
            response = await edge.receive()
            record(1)  # it has neither acknowledged the clusters nor asked for routes
            await edge.answer(response)
            await edge.ask(ROUTES)
            await edge.take()
            await until(cache, lambda gateways: gateways[0].started and not gateways[0].behind)
            record(1)
            cache.apply([make("a", "2")])
            record(2)  # the update isn't sent yet
            await edge.take()
            await until(cache, lambda gateways: not gateways[0].behind)
            record(2)
            cache.apply([], [(CLUSTER, "b")])
            response = await edge.receive()
            record(3)  # a removal must be acknowledged, too
            await edge.answer(response)
            await until(cache, lambda gateways: not gateways[0].behind)
            record(4)  # revisions that don't concern the gateway are in force at once
            return states

    assert asyncio.run(story()) == [
        (None, 2, True),
        (1, 0, False),
        (1, 1, True),
        (2, 0, False),
        (2, 1, True),
        (4, 0, False),
    ]


def test_a_revision_with_a_rejected_resource_is_not_in_force(tmp_path):
    async def story():
        async with discovery(tmp_path) as (cache, connect):
            cache.apply([make("a")])
            edge = await connect("edge")
            await edge.ask(ROUTES)
            await edge.take()
            await edge.ask(CLUSTER)
            await edge.answer(await edge.receive(), "no such thing")
            await until(cache, lambda gateways: gateways[0].rejected)
            record_revision(cache.gateways, 1, NOW)
            before = cache.gateways[0].applied
            cache.apply([make("a", "2")])
            await edge.take()
            await until(cache, lambda gateways: not gateways[0].behind)
            record_revision(cache.gateways, 2, NOW)
            return before, cache.gateways[0].applied.revision

    assert asyncio.run(story()) == (None, 2)
