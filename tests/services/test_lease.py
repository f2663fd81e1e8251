"""One control plane does the work that must be done once, and another one takes over when it can't."""

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from acting import context_of
from holdfast.services.background import Background
from holdfast.services.control_planes.lease import Lease, LeasedStore, LeaseLost
from holdfast.services.retention import forget_old_rows
from holdfast.store.access import accounts
from holdfast.store.clock import read_database_time
from holdfast.store.control_planes import leases
from holdfast.store.topics import Topic
from running import wait_until
from services.control_plane import PATIENCE, play

LASTS = timedelta(seconds=1)


@pytest.fixture(autouse=True)
def finish_transactions(store):
    """Let transactions of killed control planes end before the database is closed."""
    yield
    wait_until(lambda: not store.connections)


def make_lease(store, holder, lasts=LASTS):
    return Lease(store, holder, shared=True, lasts=lasts)


async def until(condition):
    """Wait until *condition* is true, which nothing announces."""
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


@asynccontextmanager
async def following(lease):
    """Follow *lease* until the block ends, like a process that is killed then."""
    async with Background() as background:
        background.start("lease", lease.follow)
        yield


def take(store, holder, lasts=timedelta(minutes=1)):
    """Take the lease as *holder* at once."""
    with store.note(Topic.LEASES) as session:
        return leases.take(session, "tasks", holder, read_database_time(session), lasts)


def replace_holder(store, before, after, lasts=timedelta(minutes=1)):
    """Let *after* take the lease, as if *before* had been stopped for some time."""
    with store.note(Topic.LEASES) as session:
        leases.give_up(session, "tasks", before, read_database_time(session))
        return leases.take(session, "tasks", after, read_database_time(session), lasts)


def test_nobody_else_can_take_a_lease_until_it_ends(store):
    first = take(store, "one")
    assert first
    assert take(store, "two") is None
    assert take(store, "one") == first  # renewed
    second = replace_holder(store, "one", "two")
    assert take(store, "one") is None
    third = replace_holder(store, "two", "one")
    assert len({first.term, second.term, third.term}) == 3


def test_another_takes_over_once_the_holder_is_silent_and_at_once_after_a_clean_stop(store):
    async def story():
        one, two, three = (
            make_lease(store, "one"),
            make_lease(store, "two"),
            make_lease(store, "three", timedelta(minutes=1)),
        )
        async with AsyncExitStack() as stack:
            async with following(two):
                async with following(one):
                    await until(lambda: one.is_held or two.is_held)
                    assert one.is_held != two.is_held
                await until(lambda: two.is_held)
                await stack.enter_async_context(following(three))
            await two.end()
            await until(lambda: three.is_held)

    play(story())


def test_a_lease_that_is_taken_while_its_process_stops_is_free_afterwards(store):
    assert take(store, "one")  # and the process doesn't learn of it
    asyncio.run(make_lease(store, "one").end())
    assert take(store, "two")


@pytest.mark.long
def test_work_runs_at_the_holder_only_and_ends_with_its_lease(store):
    async def story():
        ran = []

        async def work(name, database):
            assert database.tenure.holder == name
            ran.append(name)
            try:
                await asyncio.Event().wait()
            finally:
                ran.append(f"{name} ended")

        one, two = make_lease(store, "one"), make_lease(store, "two")
        async with Background() as running:
            for store_of_lease, name in ((one, "one"), (two, "two")):
                running.start("work", partial(store_of_lease.run, partial(work, name)))
            async with following(one):
                await until(lambda: ran == ["one"])
                running.start("lease", two.follow)
            await until(lambda: "two" in ran)
            assert ran == ["one", "one ended", "two"]

    play(story())


def test_a_holder_that_was_stopped_writes_nothing_when_it_continues(store, anna):
    del anna
    leased_store = LeasedStore(store, take(store, "one"))
    with leased_store.write() as session:
        accounts.insert_organization(session, "before", datetime.now(UTC))
    replace_holder(store, "one", "two")
    with pytest.raises(LeaseLost), leased_store.write() as session:
        accounts.insert_organization(session, "after", datetime.now(UTC))
    assert replace_holder(store, "two", "one")  # even if it has the lease again: in between, others acted
    with pytest.raises(LeaseLost), leased_store.write() as session:
        accounts.insert_organization(session, "after", datetime.now(UTC))
    with leased_store.read() as session:
        assert accounts.list_organizations(session) == ["before", "default"]


@pytest.mark.long
def test_work_that_writes_without_the_lease_stops_and_waits_for_it(store):
    async def story():
        attempts = []

        async def work(database):
            attempts.append(database.tenure.term)
            replace_holder(store, "one", "two", LASTS)  # while this process was stopped
            with database.write():
                pytest.fail("it acts without the lease")

        one = make_lease(store, "one", timedelta(seconds=2))
        async with Background() as running:
            running.start("work", lambda: one.run(work))
            running.start("lease", one.follow)
            await until(lambda: len(attempts) == 2)
            assert not running.failing
        assert attempts[0] < attempts[1]

    play(story())


def test_old_rows_are_deleted_only_with_the_lease(store, anna):
    with store.write() as session:
        user = accounts.User("1", "default", "anna", "", frozenset())
        accounts.insert_user(session, user, datetime.now(UTC))
    old = context_of(store, anna).now - timedelta(days=2)
    with store.write() as session:
        accounts.insert_session(session, "hash", user, old, old, "", "")
    leased_store = LeasedStore(store, take(store, "one"))
    current = LeasedStore(store, replace_holder(store, "one", "two"))
    with pytest.raises(LeaseLost):
        forget_old_rows(leased_store, datetime.now(UTC))
    with store.read() as session:
        assert accounts.list_sessions(session, user, old - timedelta(days=1))
    forget_old_rows(current, datetime.now(UTC))
    with store.read() as session:
        assert not accounts.list_sessions(session, user, old - timedelta(days=1))
