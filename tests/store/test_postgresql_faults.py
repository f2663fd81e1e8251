"""Faults of a PostgreSQL server: each error is a sentence that says what to do, and goes away without help."""

import traceback
from contextlib import ExitStack, closing
from dataclasses import replace
from threading import Timer

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from databases import of_this_process
from holdfast.server.clock import utc_now
from holdfast.store.database import Store
from holdfast.store.errors import (
    StoreBusy,
    StoreCrowded,
    StoreFull,
    StoreLost,
    StoreServerReadOnly,
    StoreSlow,
    StoreUncertain,
    StoreUnreachable,
    StoreUnusable,
)
from holdfast.store.postgresql import connecting, engine
from holdfast.store.postgresql.location import parse_location
from holdfast.store.topics import Topic
from postgresql import shared_server

pytestmark = pytest.mark.long

COUNT = text("SELECT count(*) FROM organization")
INSERT = text("INSERT INTO organization VALUES (:id, now())")

PASSWORD_HASH = "$argon2id$v=19$m=65536,t=3,p=4$salt$digest"


@pytest.fixture(scope="module")
def migrated_database():
    """A database with tables."""
    database = shared_server().create_database()
    Store(parse_location(database.url), utc_now()).close()
    return database


@pytest.fixture
def database(migrated_database):
    """A database without rows."""
    yield migrated_database
    with migrated_database.connect() as connection:
        connection.execute("DELETE FROM organization")


@pytest.fixture
def store(database):
    with closing(Store(parse_location(database.url), utc_now())) as store:
        yield store


def end_connections(database):
    with database.connect("postgres") as connection:
        others = "datname = current_database() AND pid <> pg_backend_pid()"
        connection.execute(f"SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE {others}")  # noqa: S608


def list_organizations(store):
    with store.read() as session:
        return session.scalar(COUNT)


def insert(store, identifier="acme"):
    with store.write() as session:
        session.execute(INSERT, {"id": identifier})


def test_idle_connections_that_the_server_has_ended_are_replaced_without_an_error(store, database):
    with store.read() as one, store.read() as other:
        assert (one.scalar(COUNT), other.scalar(COUNT)) == (0, 0)
    end_connections(database)
    insert(store)
    end_connections(database)
    assert list_organizations(store) == 1
    end_connections(database)
    with store.note(Topic.GATEWAYS) as session:
        session.execute(INSERT, {"id": "other"})
    assert list_organizations(store) == 2
    assert store.is_reachable


def test_a_connection_that_is_lost_within_a_transaction_saves_nothing(store, database):
    def lose(session):
        session.execute(INSERT, {"id": "acme"})
        end_connections(database)
        session.execute(COUNT)

    says = r"^Lost a connection to the PostgreSQL database \S+ at "
    with pytest.raises(StoreLost, match=says), store.write() as session:
        lose(session)
    assert list_organizations(store) == 0
    insert(store)


def test_a_connection_that_is_lost_during_a_commit_is_not_reported_as_unsaved(store, database):
    woken = []
    store.on_write(of_this_process(lambda: woken.append("write")))

    def lose(session):
        session.execute(INSERT, {"id": "acme"})
        end_connections(database)

    with pytest.raises(StoreUncertain, match="The change may have been saved") as error, store.write() as session:
        lose(session)
    assert "doesn't know whether the change was saved" in error.value.public
    assert woken == ["write"]  # the gateways must get what may have been saved


def test_a_server_without_free_connections_is_unreachable_until_there_are_some(store, database):
    def limit(connections):
        shared_server().execute(f"ALTER DATABASE {database.name} CONNECTION LIMIT {connections}")

    says = r"too many connections.*Raise max_connections"
    try:
        limit(1)
        with store.read() as session:
            with pytest.raises(StoreCrowded, match=says):
                insert(store)
            assert session.scalar(COUNT) == 0
            assert store.is_reachable  # with the connections that it has
        limit(0)
        end_connections(database)
        with pytest.raises(StoreCrowded, match=says):
            insert(store)
        assert not store.is_reachable
    finally:
        limit(-1)
    insert(store)
    assert store.is_reachable


def test_a_read_only_server_is_read_and_its_successor_is_written_to(store, database):
    with database.connect() as connection:
        connection.execute(f"ALTER DATABASE {database.name} SET default_transaction_read_only = on")
    try:
        end_connections(database)
        assert list_organizations(store) == 0
        with pytest.raises(StoreServerReadOnly, match=r"is read-only \(.*\)\. Connect Holdfast to the primary server"):
            insert(store)
    finally:
        with database.connect() as connection:
            connection.execute("SET default_transaction_read_only = off")
            connection.execute(f"ALTER DATABASE {database.name} RESET default_transaction_read_only")
    insert(store)  # on a new connection, which a URL with several servers leads to the primary


def test_a_statement_that_takes_too_long_is_canceled(database, monkeypatch):
    monkeypatch.setattr(engine, "STATEMENT", 0.1)
    with closing(Store(parse_location(database.url), utc_now())) as store:
        with store.read() as session, pytest.raises(StoreSlow, match=r"statement timeout.*keeps the server busy"):
            session.execute(text("SELECT pg_sleep(10)"))
        with store.read() as session, pytest.raises(StoreBusy):  # those that try again, do so after this one, too
            session.execute(text("SELECT pg_sleep(10)"))
        assert list_organizations(store) == 0


def test_a_statement_in_flight_does_not_delay_the_stop_of_the_process(store, monkeypatch):
    monkeypatch.setattr(connecting, "LAST_ANSWER", 0.1)
    with store.read() as session:
        Timer(0.1, store.hurry).start()
        with pytest.raises(StoreLost, match="doesn't answer"):
            session.execute(text("SELECT pg_sleep(10)"))


@pytest.mark.parametrize(
    ("code", "kind", "says"),
    [
        ("53100", StoreFull, r"There is no space to write PostgreSQL database .*Free disk space"),
        ("53200", StoreSlow, "keeps the server busy"),
        ("40001", StoreBusy, r"Try again in 5 seconds\."),
        ("40P01", StoreBusy, r"Try again in 5 seconds\."),
        ("57P01", StoreUnreachable, "Check that the server runs"),
        ("58030", StoreUnusable, "Check its disk"),
    ],
)
def test_other_errors_of_the_server_say_what_to_do(store, code, kind, says):
    statement = text(f"DO $$ BEGIN RAISE EXCEPTION 'could not' USING ERRCODE = '{code}'; END $$")
    with pytest.raises(kind, match=says), store.write() as session:
        session.execute(statement)
    assert list_organizations(store) == 0


def test_more_transactions_than_connections_wait_and_then_give_up(database, monkeypatch):
    monkeypatch.setattr(engine, "PATIENCE", 0.1)
    location = replace(parse_location(database.url), connections=5)
    with closing(Store(location, utc_now())) as store, ExitStack() as stack:
        for _ in range(2):
            stack.enter_context(store.read())
        assert not store.is_crowded
        stack.enter_context(store.read())
        assert store.is_crowded
        for _ in range(2):
            stack.enter_context(store.read())
        with pytest.raises(StoreBusy), store.write():
            pass


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO organization VALUES (%(id)s, now()), (%(id)s, now())",
        "INSERT INTO organization VALUES (%(id)s, NULL)",
    ],
)
def test_no_traceback_has_values_of_rows(store, statement):
    with pytest.raises(IntegrityError, match="violates") as error, store.write() as session:
        session.connection().exec_driver_sql(statement, {"id": PASSWORD_HASH})
    assert PASSWORD_HASH not in "".join(traceback.format_exception(error.value))
