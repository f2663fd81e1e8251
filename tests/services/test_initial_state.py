"""A start is over once the gateway on this machine has answered everything, or after a time without progress."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from gateway.edge import Edge, discovery, until
from holdfast.gateway.discovery.cache import Cache
from holdfast.gateway.resources.resource import CLUSTER, LISTENER, ROUTES, SECRET, Resource
from holdfast.services.publishing import initial_state
from holdfast.services.publishing.initial_state import InitialState

LARGE = b"x" * 1024 * 1024  # so that routes arrive in pieces
ORDER = (SECRET, CLUSTER, LISTENER, ROUTES)
Connect = Callable[[str], Awaitable[Edge]]


def run(tmp_path: Path, story: Callable[[Cache, Connect, InitialState], Awaitable[None]]) -> None:
    async def begin() -> None:
        async with discovery(tmp_path) as (cache, connect):
            resources = [Resource(kind, "first", "1", b"") for kind in (SECRET, CLUSTER, LISTENER)]
            cache.apply([*resources, *(Resource(ROUTES, f"{number}", "1", LARGE) for number in range(5))])
            async with asyncio.timeout(60):
                await story(cache, connect, InitialState(cache, "local"))

    asyncio.run(begin())


def test_a_start_lasts_until_the_last_piece_of_the_routes_is_answered(tmp_path: Path):
    async def story(cache: Cache, connect: Connect, state: InitialState) -> None:
        assert state.is_complete()  # without a gateway, that is the problem
        waiting = asyncio.create_task(state.wait())
        edge = await connect("local")
        for kind in ORDER:
            assert not waiting.done()
            await edge.ask(kind)
        for _ in range(3):
            await edge.take()
        pieces = [await edge.receive() for _ in range(3)]
        for number, piece in enumerate(pieces):
            assert (waiting.done(), state.is_complete()) == (False, False)
            await edge.answer(piece, error="no room" if number else None)  # an answer is an answer
            await until(cache, lambda gateways, updates=2 - number: gateways[0].updates == updates)
        await waiting
        cache.apply([Resource(CLUSTER, "later", "1", b"")])
        assert state.is_complete()

    run(tmp_path, story)


def test_a_gateway_that_has_everything_ends_the_start_at_once(tmp_path: Path):
    async def story(cache: Cache, connect: Connect, state: InitialState) -> None:
        edge = await connect("local")
        await until(cache, lambda gateways: gateways)
        for kind in ORDER:
            assert not state.is_complete()
            await edge.ask(kind, has=dict.fromkeys(cache.get_resources(kind), "1"))
            assert await edge.take() == {}
        await state.wait()

    run(tmp_path, story)


def test_a_start_ends_without_what_stays_unanswered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(initial_state, "STALLED_AFTER", 0.2)

    async def story(cache: Cache, connect: Connect, state: InitialState) -> None:
        edge = await connect("local")
        await edge.ask(SECRET)
        await until(cache, lambda gateways: gateways)
        with capture_logs() as logs:
            await state.wait()
        assert [(line["event"], line["resources"]) for line in logs] == [("gateway lacks resources at the start", 1)]
        assert state.is_complete()

    run(tmp_path, story)
