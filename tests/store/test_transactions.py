"""A transaction is stored durably, or not at all."""

import contextlib
import sqlite3
import threading
import traceback
from dataclasses import replace
from functools import partial

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError, InternalError

import cheap_databases
from databases import of_this_process
from holdfast.server.clock import utc_now
from holdfast.store import journal
from holdfast.store.access import accounts
from holdfast.store.access.accounts import User
from holdfast.store.catalog import apis
from holdfast.store.catalog.apis import ApiFilter
from holdfast.store.database import Store
from holdfast.store.errors import StoreFull
from holdfast.store.journal import AuditEvent
from holdfast.store.sqlite import engine
from holdfast.store.topics import Topic
from holdfast.store.trust import endpoint_certificates
from store.values import NOW, make_api, make_entry

EVENT = AuditEvent("default", NOW, "anna", "create API", "Pizza", "", None)


class PowerCut(Exception):
    """An error in the middle of a transaction."""


def read_pragma(session, name):
    return session.scalar(text(f"PRAGMA {name}"))


@pytest.mark.sqlite(reason="PostgreSQL's server is configured by its operator, and always checks foreign keys")
def test_every_connection_is_safe_and_checks_foreign_keys(database, monkeypatch):
    monkeypatch.setattr(engine, "_configure", cheap_databases.configure)
    with contextlib.ExitStack() as stack:
        store = Store(database, utc_now())
        stack.callback(store.close)
        # More than the pool keeps, so that new connections are opened as well.
        sessions = [stack.enter_context(store.read()) for _ in range(8)]
        sessions.append(stack.enter_context(store.write()))
        for session in sessions:
            names = ("journal_mode", "synchronous", "foreign_keys")
            assert [read_pragma(session, name) for name in names] == ["wal", 2, 1]  # 2 is FULL


def test_a_connection_that_is_in_use_when_the_store_is_closed_is_closed_afterwards(database):
    store = Store(database, utc_now())
    with store.read() as session:
        connection = session.connection().connection.driver_connection
        store.close()
        assert session.scalar(text("SELECT 1")) == 1
    if isinstance(connection, sqlite3.Connection):
        with pytest.raises(sqlite3.ProgrammingError, match="closed"):
            connection.execute("SELECT 1")
    else:
        assert connection.closed


def test_a_row_without_an_organization_is_rejected(store):
    with pytest.raises(IntegrityError), store.write() as session:
        apis.insert(session, make_api(organization="nobody"))


@pytest.mark.usefixtures("anna")
def test_an_error_of_the_database_shows_no_values(store):
    secret = "$argon2id$v=19$m=65536,t=3,p=4$salt$digest"
    user = User("1", "default", "berta", secret)
    with store.write() as session:
        accounts.insert_user(session, user, NOW)
    with pytest.raises(IntegrityError) as error, store.write() as session:
        accounts.insert_user(session, replace(user, id="2"), NOW)
    assert secret not in "".join(traceback.format_exception(error.value))


@pytest.mark.usefixtures("anna")
def test_a_failed_transaction_is_rolled_back(store):
    woken = []
    store.on_write(of_this_process(lambda: woken.append(True)))

    def write_half(session):
        apis.insert(session, make_api())
        endpoint_certificates.insert(session, make_entry())
        journal.record(session, EVENT)
        journal.announce(session, "default", "api", "1", NOW)
        session.flush()
        raise PowerCut

    with pytest.raises(PowerCut), store.write() as session:
        write_half(session)
    with store.read() as session:
        assert apis.find(session, "default", ApiFilter()) == ([], 0)
        assert endpoint_certificates.find(session, "default") == ([], 0)
        assert journal.list_audit_events(session, "default") == []
        assert journal.get_last_sequence(session) == 0
    assert woken == []


@pytest.mark.usefixtures("anna")
def test_listeners_are_called_after_the_change_can_be_read(store):
    changes = []

    def look():
        with store.read() as session:
            changes.append(journal.get_last_sequence(session))

    store.on_write(of_this_process(look))
    with store.write() as session:
        journal.announce(session, "default", "api", "1", NOW)
    assert changes == [1]


def test_a_note_wakes_those_who_wait_for_its_topic_and_nobody_else(store):
    woken = []
    for topic in (Topic.CHANGES, Topic.GATEWAYS, Topic.MESSAGES):
        store.on_note(topic, of_this_process(partial(woken.append, topic)))
    with store.note(Topic.GATEWAYS) as session:
        session.execute(text("UPDATE change SET key = key"))
        assert woken == []
    assert woken == [Topic.GATEWAYS]


@pytest.mark.usefixtures("anna")
def test_commits_survive_a_process_that_ends_without_closing(store, database):
    api, entry = make_api(), make_entry()
    with store.write() as session:
        apis.insert(session, api)
        endpoint_certificates.insert(session, entry)
        journal.record(session, EVENT)
        journal.announce(session, "default", "api", api.id, NOW)
    writer = Store(database, utc_now())
    with writer.read() as session:
        assert apis.get(session, "default", api.id) == api
        assert endpoint_certificates.get(session, "default", entry.alias) == entry
        assert journal.list_audit_events(session, "default") == [EVENT]
        assert [change.key for change in journal.list_changes_after(session, 0)] == [api.id]
    writer.close()


@pytest.mark.usefixtures("anna")
def test_a_reader_sees_one_state_while_others_write(store):
    with store.read() as reading:
        assert journal.get_last_sequence(reading) == 0
        with store.write() as session:
            journal.announce(session, "default", "api", "1", NOW)
        assert journal.get_last_sequence(reading) == 0
    with store.read() as reading:
        assert journal.get_last_sequence(reading) == 1


@pytest.mark.usefixtures("anna")
def test_a_reader_cannot_write_by_mistake(store):
    # PostgreSQL refuses; SQLite accepts it, and it ends with the transaction.
    with contextlib.suppress(InternalError), store.read() as session:
        journal.announce(session, "default", "api", "1", NOW)
        session.flush()
    with store.read() as session:
        assert journal.get_last_sequence(session) == 0


@pytest.mark.usefixtures("anna")
def test_writes_of_many_threads_all_succeed(store):
    start = threading.Barrier(12)

    def write(number):
        start.wait()
        for turn in range(5):
            with store.write() as session:
                # After a read, a transaction fails unless it has taken the lock at its start.
                journal.get_last_sequence(session)
                apis.insert(session, make_api(f"Api{number}-{turn}"))
                journal.announce(session, "default", "api", f"{number}-{turn}", NOW)

    threads = [threading.Thread(target=write, args=[number]) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with store.read() as session:
        assert apis.find(session, "default", ApiFilter(), limit=1)[1] == 60
        changes = journal.list_changes_after(session, 0)
    assert [change.sequence for change in changes] == list(range(1, 61))


@pytest.mark.sqlite(reason="a limit of SQLite stands for a full disk")
@pytest.mark.usefixtures("anna")
def test_a_full_disk_is_an_error_and_not_a_success(store, database):
    with contextlib.closing(sqlite3.connect(database)) as connection:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]

    def write_much(session):
        session.execute(text(f"PRAGMA max_page_count = {pages}"))
        for number in range(200):
            apis.insert(session, make_api(f"Api{number}", description="x" * 1000))

    with pytest.raises(StoreFull, match="There is no space to write "), store.write() as session:
        write_much(session)
    with store.read() as session:
        assert apis.find(session, "default", ApiFilter()) == ([], 0)
