"""Control planes wake each other through the database, even after it was gone, and without LISTEN."""

import queue
import re
import threading
import time
from contextlib import closing
from functools import partial

import pytest
from sqlalchemy import text

from holdfast.server.clock import utc_now
from holdfast.store.database import Store
from holdfast.store.postgresql import notifications
from holdfast.store.postgresql.connecting import ServerConnection, connect
from holdfast.store.postgresql.location import parse_location
from holdfast.store.topics import Topic
from postgresql import PostgresServer, shared_server
from running import wait_until
from wires import Wire

pytestmark = pytest.mark.long

WITHIN = 30  # seconds


@pytest.fixture(scope="module")
def database():
    """A database with tables."""
    database = shared_server().create_database()
    Store(parse_location(database.url), utc_now()).close()
    return database


@pytest.fixture
def stores(database):
    """The stores of two control planes."""
    with (
        closing(Store(parse_location(database.url), utc_now())) as one,
        closing(Store(parse_location(database.url), utc_now())) as second,
    ):
        yield one, second


def follow(store, *topics):
    """Return a queue of the topics that *store* is woken for, once it listens."""
    woken, registration = queue.Queue(), threading.Event()

    def connect_later(*arguments):
        registration.wait()  # otherwise, those that are registered later may not be woken
        return connect(*arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(notifications, "connect", connect_later)
        for topic in topics:
            store.on_note(topic, lambda topic=topic: woken.put((topic, time.monotonic())))
        registration.set()
    wait_until(lambda: {woken.get(timeout=WITHIN)[0]} <= set(topics))  # it wakes everyone when it begins to listen
    settle(woken, len(topics) - 1)
    return woken


def settle(woken, expected):
    for _ in range(expected):
        woken.get(timeout=WITHIN)


def test_tests_of_a_quiet_connection_wake_nobody(database, monkeypatch):
    monkeypatch.setattr(notifications, "TEST", 0.02)
    monkeypatch.setattr(notifications, "POLL", 0.02)
    with closing(Store(parse_location(database.url), utc_now())) as store:
        woken = follow(store, Topic.CHANGES)
        with pytest.raises(queue.Empty):  # a new connection would wake everyone
            woken.get(timeout=0.5)


def test_a_change_during_a_test_of_the_connection_wakes_the_other_control_plane_at_once(stores, monkeypatch):
    """It arrives with the server's answer to the test."""
    monkeypatch.setattr(notifications, "TEST", 0.01)
    one, second = stores
    notify = notifications.notify

    def write_before_the_test(topic, sender):
        monkeypatch.setattr(notifications, "TEST", 60)  # nothing else arrives
        with second.write():
            pass
        return notify(topic, sender)

    monkeypatch.setattr(notifications, "notify", write_before_the_test)
    woken = follow(one, Topic.CHANGES)
    assert woken.get(timeout=WITHIN)[0] == Topic.CHANGES


def test_a_change_wakes_the_other_control_plane_within_50_milliseconds(stores):
    one, second = stores
    woken, own = follow(one, Topic.CHANGES), follow(second, Topic.CHANGES)

    def median() -> float:
        times = []
        for _ in range(20):
            with second.write() as session:
                session.execute(text("SELECT 1"))
            committed_at = time.monotonic()
            topic, at = woken.get(timeout=WITHIN)
            assert topic == Topic.CHANGES
            times.append(at - committed_at)
            own.get(timeout=WITHIN)  # once, by its own call
        assert own.empty()
        return sorted(times)[10]

    wait_until(lambda: median() < 0.05)  # a busy machine can be slow at first


@pytest.mark.parametrize("is_pooled", [False, True])
def test_a_note_wakes_only_those_who_wait_for_its_topic(stores, monkeypatch, is_pooled):
    monkeypatch.setattr(notifications, "POLL", 60)
    monkeypatch.setattr(ServerConnection, "is_pooled", is_pooled)
    one, second = stores
    woken = follow(one, Topic.GATEWAYS, Topic.MESSAGES, Topic.CHANGES)
    with second.note(Topic.MESSAGES):
        pass
    assert woken.get(timeout=WITHIN)[0] == Topic.MESSAGES
    assert woken.empty()


def test_behind_a_connection_pooler_statements_are_not_prepared(database):
    """It gives the client a key for canceling statements in which the process is not that of the server."""
    replace_key = partial(re.compile(rb"K\x00\x00\x00\x0c.", re.DOTALL).sub, b"K\x00\x00\x00\x0c\x7f")
    with Wire(("127.0.0.1", database.port), replace_key) as wire:
        url = database.tcp_url.replace(f"127.0.0.1:{database.port}", wire.address)
        with connect(parse_location(url, password=database.password)) as connection:
            assert (connection.is_pooled, connection.prepare_threshold) == (True, None)
        with connect(parse_location(database.url)) as direct:
            assert (direct.is_pooled, direct.prepare_threshold) == (False, 5)


def test_a_transaction_that_fails_wakes_nobody(stores):
    one, second = stores
    woken = follow(one, Topic.CHANGES, Topic.GATEWAYS)
    with pytest.raises(ZeroDivisionError), second.write():
        _ = 1 / 0
    with second.note(Topic.GATEWAYS):
        pass
    assert woken.get(timeout=WITHIN)[0] == Topic.GATEWAYS
    assert woken.empty()


def test_a_listener_that_fails_does_not_keep_others_from_being_woken(stores):
    one, second = stores
    woken = follow(one, Topic.CHANGES)
    one.on_note(Topic.GATEWAYS, lambda: 1 / 0)
    with second.note(Topic.GATEWAYS):
        pass
    with second.write():
        pass
    assert woken.get(timeout=WITHIN)[0] == Topic.CHANGES


def test_listeners_are_woken_after_a_reconnection(stores, database, monkeypatch):
    monkeypatch.setattr(notifications, "POLL", 0.05)
    one, second = stores
    woken = follow(one, Topic.CHANGES)
    with database.connect() as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() "
            "AND datname = current_database()"
        )
    woken.get(timeout=WITHIN)
    with second.write():
        pass
    woken.get(timeout=WITHIN)


def test_without_notifications_listeners_are_woken_each_second(stores, monkeypatch):
    """As behind a pooler, which LISTEN doesn't reach."""
    monkeypatch.setattr(notifications, "POLL", 0.05)
    monkeypatch.setattr(notifications, "TEST", 0.05)
    monkeypatch.setattr(notifications, "CHANNEL", "nobody")
    one, _ = stores
    woken = queue.Queue()
    monkeypatch.setattr(notifications.Notifications, "_receive", lambda *_: set())  # a pooler drops all
    one.on_note(Topic.CHANGES, lambda: woken.put(None))
    for _ in range(4):
        woken.get(timeout=WITHIN)


def test_a_server_that_was_killed_is_followed_again(monkeypatch):
    monkeypatch.setattr(notifications, "POLL", 0.1)
    with PostgresServer() as server:
        database = server.create_database()
        with closing(Store(parse_location(database.url), utc_now())) as store:
            woken = follow(store, Topic.CHANGES)
            server.kill()
            server.start()
            woken.get(timeout=WITHIN)
            with closing(Store(parse_location(database.url), utc_now())) as other, other.write():
                pass
            woken.get(timeout=WITHIN)
