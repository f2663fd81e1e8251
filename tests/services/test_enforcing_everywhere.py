"""Several control planes with one database say the same about a change: enforced once every gateway has it."""

from contextlib import asynccontextmanager

from acting import context_of
from holdfast.apis.enforcement import Enforcement, Progress
from holdfast.gateway.control.reports import Report, Traffic
from holdfast.gateway.peer import Peer
from holdfast.gateway.resources.resource import SECRET
from holdfast.services.gateways import statuses
from holdfast.services.gateways.elsewhere import LOOK_AGAIN
from holdfast.services.gateways.statuses import Sources
from services.control_plane import advance, control_plane, play, register

ORIGIN = "https://pizza.test"


@asynccontextmanager
async def two(store):
    async with control_plane(store, among="a") as a, control_plane(store, among="b") as b:
        yield a, b


async def until(planes, expected):
    """Wait until all control planes say the same."""
    for plane in planes:
        await plane.until_true(lambda plane=plane: plane.enforcement(ORIGIN) == expected)


def test_a_change_is_enforced_once_the_gateways_of_every_control_plane_have_it(store, import_another):
    async def story():
        async with two(store) as (a, b):
            near, far = a.connect("near"), b.connect("far")
            for gateway in (near, far):
                gateway.answer()
            await until((a, b), Enforcement(Progress.ENFORCED, 2, 2))
            import_another()
            await a.published()
            await b.published()
            near.answer()
            await until((a, b), Enforcement(Progress.WAITING, 2, 1))
            assert [str(plane.enforcement(ORIGIN)) for plane in (a, b)] == ["Waiting for far (1 of 2)"] * 2
            far.answer()
            for plane in (a, b):
                await plane.until(ORIGIN, Progress.ENFORCED)
            return [plane.enforcement(ORIGIN) for plane in (a, b)]

    here, there = play(story())
    assert here == there
    assert (here.gateways, here.enforced_on) == (2, 2)
    assert here.milliseconds > 0


def test_a_rejection_is_reported_everywhere_in_the_gateways_words(store, import_another):
    async def story():
        async with two(store) as (a, b):
            near, far = a.connect("near"), b.connect("far")
            for gateway in (near, far):
                gateway.answer()
            import_another("first")
            for plane in (a, b):
                await plane.published()
            near.answer()
            far.answer("Failed to load trusted CA certificates", only=SECRET)
            far.answer()
            rejection = Enforcement(Progress.REFUSED, 2, 1, reason="Failed to load trusted CA certificates")
            await until((a, b), rejection)
            import_another("second")
            for plane in (a, b):
                await plane.published()
            await until((a, b), Enforcement(Progress.WAITING, 2, 0))

    play(story())


def test_a_gateway_that_moves_is_counted_once(store, served_api):
    del served_api

    async def story():
        async with two(store) as (a, b):
            first = a.connect("edge")
            first.answer()
            await until((a, b), Enforcement(Progress.ENFORCED, 1, 1))
            second = b.connect("edge")  # before the first connection is known to have ended
            await until((a, b), Enforcement(Progress.WAITING, 1, 0))
            second.answer()
            await until((a, b), Enforcement(Progress.ENFORCED, 1, 1))
            first.disconnect()
            await until((a, b), Enforcement(Progress.ENFORCED, 1, 1))
            second.disconnect()
            await until((a, b), Enforcement(Progress.NO_GATEWAY))

    play(story())


def test_the_gateways_of_a_killed_control_plane_count_until_it_is_no_longer_live(store, import_another):
    """They can't have later changes, and are known to be somewhere else only once they are."""

    async def story():
        async with control_plane(store, among="a") as a:
            near = a.connect("near")
            near.answer()
            async with control_plane(store, among="b") as b:
                b.connect("far").answer()
                await until((a, b), Enforcement(Progress.ENFORCED, 2, 2))
            import_another()
            await a.published()
            near.answer()
            await until((a,), Enforcement(Progress.WAITING, 2, 1))
            register(store, "b", is_live=False)
            advance(LOOK_AGAIN)
            await a.until(ORIGIN, Progress.ENFORCED)
            alone = a.enforcement(ORIGIN)
            register(store, "b")  # it was stopped, and continues
            advance(LOOK_AGAIN)
            await until((a,), Enforcement(Progress.WAITING, 2, 1))
            a.connect("far").answer()
            await a.until(ORIGIN, Progress.ENFORCED)
            return alone, a.enforcement(ORIGIN)

    alone, after = play(story())
    assert (alone.gateways, after.gateways) == (1, 2)


def test_after_a_failover_that_lost_changes_a_control_plane_counts_once_it_has_read_what_is_left(
    store, storage, clock, import_another, tmp_path_factory
):
    async def story():
        async with control_plane(store, among="a") as a, control_plane(store, among="b", follows=False) as b:
            near, far = a.connect("near"), b.connect("far")
            fail_over = storage.save(tmp_path_factory.mktemp("standby"))
            for alias in ("lost", "lost-too"):
                import_another(alias)
            for plane, gateway in ((a, near), (b, far)):
                await plane.published()
                gateway.answer()
            await b.records.write_changes()
            await a.until(ORIGIN, Progress.ENFORCED)
            fail_over()
            clock.advance(seconds=1)
            import_another("found")
            await a.published()
            await b.published()
            near.answer()
            await until((a,), Enforcement(Progress.WAITING, 2, 1))
            far.answer()
            await b.records.write_changes()
            await a.until(ORIGIN, Progress.ENFORCED)

    play(story())


def test_every_control_plane_shows_all_gateways_and_where_they_are_connected(store, anna, clock):
    report = Report(clock(), clock(), "9.8.7", "1.40.0", traffic=(Traffic("production", 12, 3),))

    async def story():
        async with two(store) as (a, b):
            a.connect("local@a").answer()
            b.states.connect(Peer("local@b"), "unix:", clock())
            b.states.take("local@b", report, clock())
            far = b.connect("local@b")
            far.answer()

            def statuses_at(plane):
                sources = Sources(plane.name, plane.groups, plane.states, plane.elsewhere)
                all_statuses = statuses.list_statuses(context_of(store, anna, clock()), sources)
                return {status.name: status for status in all_statuses}

            for plane in (a, b):
                await plane.until_true(
                    lambda plane=plane: [status.control_plane for status in statuses_at(plane).values()] == ["a", "b"]
                )
            remote = statuses_at(a)["local@b"]
            own = statuses_at(b)["local@b"]
            far.disconnect()
            b.states.disconnect("local@b", clock())
            await a.until_true(lambda: statuses_at(a)["local@b"].connected_since is None)
            return remote, own, statuses_at(a)["local@b"]

    remote, own, after = play(story())
    assert (remote.reported_state.report, remote.connected_since) == (report, own.connected_since)
    assert (remote.state, remote.applied_revision, remote.behind) == (own.state, own.applied_revision, own.behind)
    assert (after.control_plane, after.reported_state.report) == ("", report)
