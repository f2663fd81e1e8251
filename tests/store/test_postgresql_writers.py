"""Writers of several processes, here several Stores on one PostgreSQL database, and readers next to them."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from sqlalchemy import text
from sqlalchemy.exc import InternalError

from holdfast.server.clock import utc_now
from holdfast.store import journal
from holdfast.store.access import accounts
from holdfast.store.database import Store
from holdfast.store.errors import StoreBusy, StoreSlow
from holdfast.store.postgresql import engine
from holdfast.store.postgresql.location import parse_location
from holdfast.store.topics import Topic
from postgresql import shared_server
from running import wait_until
from store.values import NOW

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def database():
    """A database with an organization."""
    database = shared_server().create_database()
    store = Store(parse_location(database.url), utc_now())
    with store.write() as session:
        accounts.insert_organization(session, "default", NOW)
    store.close()
    return database


@pytest.fixture
def stores(database):
    """The stores of two control planes, without changes."""
    with database.connect() as connection:
        connection.execute('DELETE FROM "change"')
    pair = [Store(parse_location(database.url), utc_now()) for _ in range(2)]
    yield pair
    for store in pair:
        store.close()


def count_waiting(database):
    with database.connect() as connection:
        query = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        return connection.execute(query).fetchone()[0]


@contextmanager
def in_background(work):
    with ThreadPoolExecutor(1) as pool:
        yield pool.submit(work)


def test_changes_become_visible_in_the_order_of_their_numbers(stores, database):
    """Without the lock of writers, the second would commit number 2 while number 1 can't be seen yet."""
    first, second = stores

    def write_second():
        with second.write() as session:
            journal.announce(session, "default", "api", "second", NOW)

    with first.write() as session:
        journal.announce(session, "default", "api", "first", NOW)
        session.flush()  # it has its number now
        with in_background(write_second) as writing:
            wait_until(lambda: count_waiting(database) == 1 or writing.done())
            with second.read() as reading:
                assert journal.list_changes_after(reading, 0) == []
            session.commit()
            writing.result(60)
    with first.read() as session:
        changes = journal.list_changes_after(session, 0)
    assert [change.key for change in changes] == ["first", "second"]
    assert changes[0].sequence < changes[1].sequence


def test_a_writer_sees_what_was_committed_while_it_waited(stores, database):
    """Use cases check before they write, such as whether an alias is free."""
    first, second = stores

    def write_if_free(store):
        with store.write() as session:
            if not journal.list_changes_after(session, 0):
                journal.announce(session, "default", "api", "one", NOW)

    with first.write() as session, in_background(lambda: write_if_free(second)) as writing:
        wait_until(lambda: count_waiting(database) == 1)
        journal.announce(session, "default", "api", "one", NOW)
        session.commit()
        writing.result(60)
    with first.read() as session:
        assert [change.key for change in journal.list_changes_after(session, 0)] == ["one"]


def test_many_writers_of_several_control_planes_all_succeed(stores):
    start = threading.Barrier(8)

    def write(number):
        start.wait()
        for turn in range(5):
            with stores[number % 2].write() as session:
                journal.announce(session, "default", "api", f"{number}-{turn}", NOW)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(8)))
    with stores[0].read() as session:
        assert len(journal.list_changes_after(session, 0)) == 40


def test_a_long_write_of_another_control_plane_is_reported_as_busy(stores, database, monkeypatch):
    first, second = stores
    with first.write():
        monkeypatch.setattr(engine, "PATIENCE", 0.1)
        impatient = Store(parse_location(database.url), utc_now())
        with pytest.raises(StoreBusy, match=r"Try again in 5 seconds\."), impatient.write():
            pass
        impatient.close()
    with second.write() as session:
        journal.announce(session, "default", "api", "later", NOW)


def test_a_note_does_not_wait_for_writers(stores):
    first, second = stores
    with first.write() as session:
        journal.announce(session, "default", "api", "first", NOW)
        with second.note(Topic.GATEWAYS) as noting:
            noting.execute(text("SELECT 1"))


def test_a_stopped_writer_does_not_hold_the_lock(stores, monkeypatch):
    """The server ends the transaction of a process that was stopped within it, and nothing of it was saved."""
    monkeypatch.setattr(engine, "WRITER_IDLE", 0.05)
    first, second = stores

    def stop_within(session):
        journal.announce(session, "default", "api", "first", NOW)
        session.flush()
        with second.write() as other:  # waits until the first has lost the lock
            assert journal.list_changes_after(other, 0) == []

    with pytest.raises(StoreSlow), first.write() as session:
        stop_within(session)
    with first.read() as session:
        assert journal.list_changes_after(session, 0) == []


def test_a_process_that_is_stopped_within_a_note_does_not_hold_its_rows(stores, monkeypatch):
    """For example, if it is stopped while it renews its lease, another one must be able to take that."""
    monkeypatch.setattr(engine, "WRITER_IDLE", 0.05)
    first, second = stores
    row = text("SELECT id FROM organization FOR UPDATE")

    def stop_within(session):
        session.execute(row)
        with second.note(Topic.GATEWAYS) as other:  # waits until the first has lost the row
            other.execute(row)

    with pytest.raises(StoreSlow), first.note(Topic.GATEWAYS) as session:
        stop_within(session)


def test_a_reader_sees_one_state_while_others_write(stores):
    first, second = stores
    with first.read() as reading:
        assert journal.list_changes_after(reading, 0) == []
        with second.write() as session:
            journal.announce(session, "default", "api", "one", NOW)
        assert journal.list_changes_after(reading, 0) == []
    with first.read() as reading:
        assert len(journal.list_changes_after(reading, 0)) == 1


def test_a_reader_cannot_write(stores):
    with stores[0].read() as session:
        journal.announce(session, "default", "api", "one", NOW)
        with pytest.raises(InternalError, match="read-only transaction"):
            session.flush()
