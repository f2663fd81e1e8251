"""On PostgreSQL, nobody can take a lease while its holder has a transaction that depends on it."""

import threading
from datetime import timedelta

import pytest

from holdfast.server.clock import utc_now
from holdfast.services.control_planes.lease import LeasedStore
from holdfast.store.clock import read_database_time
from holdfast.store.control_planes import leases
from holdfast.store.database import Store
from holdfast.store.postgresql.location import parse_location
from holdfast.store.topics import Topic
from postgresql import shared_server
from running import wait_until

pytestmark = pytest.mark.long


@pytest.fixture
def database():
    return shared_server().create_database()


@pytest.fixture
def store(database):
    store = Store(parse_location(database.url), utc_now())
    yield store
    store.close()


def take(store, holder, seconds=60.0):
    with store.note(Topic.LEASES) as session:
        return leases.take(session, "tasks", holder, read_database_time(session), timedelta(seconds=seconds))


def is_over(store):
    with store.read() as session:
        return leases.is_free(session, "tasks", "two", read_database_time(session))


def test_a_successor_waits_for_the_transaction_of_the_holder(store, database):
    lease, order = take(store, "one", 0.05), []

    def succeed():
        assert take(store, "two")
        order.append("taken")

    successor = threading.Thread(target=succeed)
    with database.connect() as connection:
        with LeasedStore(store, lease).write():
            wait_until(lambda: is_over(store))
            successor.start()
            waiting = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
            wait_until(lambda: connection.execute(waiting).fetchone())
            order.append("written")
        successor.join(60)
    assert order == ["written", "taken"]


def test_those_who_only_ask_wait_for_nobody(store):
    lease = take(store, "one")
    with LeasedStore(store, lease).write():
        assert not is_over(store)
