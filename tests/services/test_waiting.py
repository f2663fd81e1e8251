"""Which gateways Holdfast waits for: new, leaving and warming ones."""

import asyncio
from collections.abc import Callable

import structlog
from structlog.testing import LogCapture

from holdfast.apis.enforcement import Enforcement, Progress
from holdfast.services.publishing import pending_changes
from services.control_plane import PATIENCE, advance, control_plane, play

ORIGIN = "https://pizza.test"


async def until(true: Callable[[], object]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not true():  # noqa: ASYNC110 - the condition has no event
            await asyncio.sleep(0.001)


def test_a_gateway_is_waited_for_until_its_initial_state_is_in_use(store, import_another):
    """Until it requests listeners, Envoy acknowledges clusters before it uses them."""

    async def story():
        async with control_plane(store) as plane:
            gateway = plane.connect("edge")
            gateway.gateway.started = False
            import_another()
            await plane.published()
            gateway.answer()
            waiting = plane.enforcement(ORIGIN)
            gateway.gateway.started = True
            plane.cache.tell_observers()
            return waiting, await plane.until(ORIGIN, Progress.ENFORCED)

    waiting, enforcement = play(story())
    assert waiting == Enforcement(Progress.WAITING, 1, 0)
    assert enforcement.enforced_on == 1


def test_a_gateway_is_asked_once_what_it_is_warming_and_only_if_its_ack_is_overdue(store, monkeypatch, import_another):
    logs = LogCapture()  # the tests' configuration discards warnings
    monkeypatch.setattr(
        pending_changes, "log", structlog.wrap_logger(None, [logs], structlog.make_filtering_bound_logger(0))
    )
    monkeypatch.setattr(pending_changes, "OVERDUE", 60.0)
    looks = 0

    async def look():
        nonlocal looks
        looks += 1
        return {"default/else/production"}

    async def story():
        async with control_plane(store, warming={"slow": look, "quick": look}) as plane:
            slow, quick = plane.connect("slow"), plane.connect("quick")
            for gateway in (slow, quick):
                gateway.answer()
            import_another("a")
            await plane.published()
            for gateway in (slow, quick):
                gateway.answer()
            await plane.until(ORIGIN, Progress.ENFORCED)
            import_another("b")
            await plane.published()
            quick.answer()
            assert looks == 0
            advance(61)
            await until(lambda: logs.entries)
            advance(61)
            quick.answer()  # wakes observers
            slow.answer()
            await plane.until(ORIGIN, Progress.ENFORCED)

    play(story())
    (entry,) = logs.entries
    assert (entry["gateway"], entry["warming"], looks) == ("slow", ["default/else/production"], 1)


def test_a_new_gateway_is_waited_for_and_one_that_left_is_not(store, import_another):
    async def story():
        async with control_plane(store) as plane:
            first, slow = plane.connect("first"), plane.connect("slow")
            first.answer()
            slow.answer()
            import_another()
            await plane.published()
            first.answer()
            assert plane.enforcement(ORIGIN) == Enforcement(Progress.WAITING, 2, 1)
            slow.disconnect()
            await plane.until(ORIGIN, Progress.ENFORCED)
            late = plane.connect("late")
            assert plane.enforcement(ORIGIN).progress is Progress.WAITING
            late.answer()
            assert plane.enforcement(ORIGIN).progress is Progress.ENFORCED
            first.disconnect()
            late.disconnect()
            return plane.enforcement(ORIGIN)

    assert play(story()).progress is Progress.NO_GATEWAY
