"""Which gateways Holdfast waits for: new, leaving and warming ones."""

import asyncio

from holdfast.apis.enforcement import Enforcement, Progress
from services.control_plane import PATIENCE, control_plane, play

ORIGIN = "https://pizza.test"


def test_a_cluster_that_is_still_warming_is_waited_for(store, served, import_another):
    cluster = f"default/{served.id}/production"
    warming = {cluster}
    looks = iter(range(3))
    looked_often = asyncio.Event()

    async def look():
        if next(looks, None) is None:
            looked_often.set()
        return warming

    async def story():
        async with control_plane(store, warming={"edge": look}) as plane:
            gateway = plane.connect("edge")
            gateway.answer()
            import_another()
            await plane.published()
            gateway.answer()
            async with asyncio.timeout(PATIENCE):
                await looked_often.wait()
            assert plane.enforcement(ORIGIN) == Enforcement(Progress.WAITING, 1, 1)
            warming.clear()
            return await plane.until(ORIGIN, Progress.ENFORCED)

    assert play(story()).enforced_on == 1


def test_clusters_of_others_that_warm_are_not_waited_for(store, import_another):
    async def look():
        return {"default/else/production"}

    async def story():
        async with control_plane(store, warming={"edge": look}) as plane:
            gateway = plane.connect("edge")
            gateway.answer()
            import_another()
            await plane.published()
            gateway.answer()
            return await plane.until(ORIGIN, Progress.ENFORCED)

    assert play(story()).enforced_on == 1


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
