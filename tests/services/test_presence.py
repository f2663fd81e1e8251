"""Control planes that share a database know each other."""

import asyncio
import uuid
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, update

from holdfast.apis.gateways.control_plane import ControlPlane, find_deviations
from holdfast.services.background import Background
from holdfast.services.control_planes.presence import BEAT, NameTaken, Presence
from holdfast.store.control_planes.control_planes import LIVE_FOR
from holdfast.store.tables import ControlPlaneRow
from running import wait_until
from services.control_plane import PATIENCE, advance, play


@pytest.fixture(autouse=True)
def finish_transactions(store):
    """Let transactions of killed control planes end before the database is closed."""
    yield
    wait_until(lambda: not store.connections)


def make_presence(store, name, home=None, **about):
    """Return a presence in a shared database."""
    now = datetime.now(UTC)
    own = ControlPlane(str(uuid.uuid4()), name, "1", now, now, **about)
    return Presence(store, own, home or name, shared=True)


@asynccontextmanager
async def running(*presences):
    """Run control planes until the block ends, without a clean stop."""
    async with Background() as background:
        for control_plane in presences:
            await control_plane.begin()
            background.start("presence", control_plane.follow)
        yield


async def until(condition):
    """Wait until *condition* is true, while heartbeats follow each other quickly."""
    async with asyncio.timeout(PATIENCE):
        while not condition():
            advance(BEAT / 10)
            await asyncio.sleep(0.01)


def silence(store, name):
    """Make a control plane look as if it hadn't been seen for more than ten seconds."""
    with store.write() as session:
        long_ago = datetime.now(UTC) - LIVE_FOR - timedelta(seconds=1)
        session.execute(update(ControlPlaneRow).where(ControlPlaneRow.name == name).values(seen_at=long_ago))


def list_names(presence):
    return [control_plane.name for control_plane in presence.others]


def read_rows(store):
    with store.read() as session:
        return {row.name for row in session.scalars(select(ControlPlaneRow))}


def test_control_planes_know_each_other_until_a_clean_stop(store):
    async def story():
        one, two = (
            make_presence(store, "one", publisher_pin=bytes(32)),
            make_presence(store, "two", discovery=("h:9081",)),
        )
        changes = []
        one.add_listener(lambda: changes.append(list_names(one)))
        async with running(one):
            async with running(two):
                await until(lambda: one.others and two.others)
            assert two.others[0].publisher_pin == bytes(32)
            assert one.others[0].discovery == ("h:9081",)
            assert one.others[0].local_gateway == "local@two"
            await two.end()
            await until(lambda: not one.others)
        assert read_rows(store) == {"one"}
        assert changes == [["two"], []]

    play(story())


def test_a_control_plane_without_heartbeats_is_gone_after_ten_seconds(store):
    async def story():
        one, two = make_presence(store, "one"), make_presence(store, "two")
        await two.begin()
        async with running(one):
            await until(lambda: one.others)
            silence(store, "two")
            await until(lambda: not one.others)
        assert read_rows(store) == {"one", "two"}  # operators see which one is missing

    play(story())


def test_the_next_process_with_a_data_directory_replaces_the_one_before(store):
    async def story():
        first, next_one = make_presence(store, "one"), make_presence(store, "renamed", home="one")
        await first.begin()
        await next_one.begin()
        assert read_rows(store) == {"renamed"}

    play(story())


def test_settings_that_deviate_are_those_that_most_others_dont_have():
    now = datetime.now(UTC)
    one = ControlPlane("1", "one", "1", now, now, settings={"HOLDFAST_GATEWAY": "a", "HOLDFAST_HEADER_KIB": "b"})
    two = replace(one, id="2", name="two", started_at=now + timedelta(seconds=1))
    three = replace(two, id="3", name="three", settings={"HOLDFAST_GATEWAY": "x", "HOLDFAST_HEADER_KIB": "x"})
    assert find_deviations([one, two]) == {}
    differing = ("HOLDFAST_GATEWAY", "HOLDFAST_HEADER_KIB")
    assert find_deviations([three, two, one]) == {"3": differing}
    assert find_deviations([three, one]) == {"3": differing}  # of two, the first to start is right
    newer = replace(two, settings={**one.settings, "HOLDFAST_NEW": "c"})  # the version knows another setting
    assert find_deviations([one, newer]) == {}
    same_name = replace(two, name="one")
    assert find_deviations([one, same_name]) == {"1": ("HOLDFAST_NAME",), "2": ("HOLDFAST_NAME",)}


@pytest.mark.long
def test_a_name_that_a_live_control_plane_has_is_refused(store):
    async def story():
        one = make_presence(store, "same")
        async with running(one):
            with pytest.raises(NameTaken):
                await make_presence(store, "same", home="elsewhere").begin()
        assert read_rows(store) == {"same"}

    play(story())


def test_a_name_is_free_once_its_control_plane_is_no_longer_live(store):
    async def story():
        await make_presence(store, "same").begin()
        starting = asyncio.create_task(make_presence(store, "same", home="elsewhere").begin())
        await asyncio.sleep(0.01)
        silence(store, "same")
        advance(BEAT)
        async with asyncio.timeout(PATIENCE):
            await starting

    play(story())
