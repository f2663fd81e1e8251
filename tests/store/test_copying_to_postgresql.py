"""A copy from SQLite to PostgreSQL is complete and exact, or nothing."""

import hashlib
import signal
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
from sqlalchemy import event, func, select

from holdfast.server.clock import utc_now
from holdfast.store.database import Store
from holdfast.store.errors import CopyDiffers, StoreCopying, StoreFilled, StoreUnreachable
from holdfast.store.postgresql import copying
from holdfast.store.postgresql.backups import copy_to_file
from holdfast.store.postgresql.copying import copy_to_server
from holdfast.store.postgresql.engine import PostgresqlEngine
from holdfast.store.postgresql.location import parse_location
from holdfast.store.tables import AuditEventRow, ChangeRow, Table
from postgresql import PostgresServer, shared_server
from store.every_row import ROWS, fill

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    path = tmp_path_factory.mktemp("source") / "holdfast.sqlite"
    fill(path)
    return path


@pytest.fixture
def database():
    return shared_server().create_database()


@pytest.fixture
def target(database):
    return parse_location(database.url)


def digest_files(directory):
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in directory.iterdir()}


def read(store):
    """Return the rows of all tables, as Holdfast reads them."""
    with store.read() as session:
        return {table.name: sorted(map(repr, session.execute(select(table)))) for table in Table.metadata.sorted_tables}


def open_copy(target):
    store = Store(target, utc_now())
    try:
        return read(store)
    finally:
        store.close()


@pytest.fixture(scope="module")
def original(source):
    store = Store(source, utc_now())
    rows = read(store)
    store.close()
    return rows


@pytest.fixture(scope="module")
def copy(source):
    """A complete copy: where it is, what was copied, and the number of statements."""
    target = parse_location(shared_server().create_database().url)
    statements = []
    create = PostgresqlEngine.__init__

    def counting(engine, location):
        create(engine, location)
        event.listen(engine.engine, "before_cursor_execute", lambda *_: statements.append(1))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PostgresqlEngine, "__init__", counting)
        totals = copy_to_server(source, target)
    return target, totals, len(statements)


def test_every_row_of_every_table_is_copied(original, copy):
    target, totals, _ = copy
    assert open_copy(target) == original
    assert all(len(rows) >= ROWS for rows in original.values())
    assert (totals.tables, totals.rows) == (len(original), sum(map(len, original.values())))


def test_every_row_of_every_table_is_copied_back_to_a_file(original, copied_back):
    assert open_copy(copied_back) == original


@pytest.fixture(scope="module")
def copied_back(copy, tmp_path_factory):
    file = tmp_path_factory.mktemp("back") / "back.sqlite"
    copy_to_file(copy[0], file, utc_now())
    return file


@pytest.mark.parametrize("place", ["server", "file"])
def test_numbers_continue_after_the_largest_one_ever_used(copy, copied_back, clock, place):
    store = Store(copy[0] if place == "server" else copied_back, utc_now())
    with store.write() as session:
        last = session.scalar(select(func.max(AuditEventRow.id)))
        organization = session.scalar(select(AuditEventRow.organization_id).limit(1))
        change = ChangeRow(organization_id=organization, at=clock(), kind="api", key="x")
        event = AuditEventRow(organization_id=organization, at=clock(), user="", action="", subject="", detail="")
        session.add_all([change, event])
        session.flush()
        assert change.sequence == 4712  # 4711 was deleted
        assert event.id == last + 1
        session.rollback()
    store.close()


KILLED = """
import os, signal, sys
from pathlib import Path
from sqlalchemy import event
from sqlalchemy.engine import Engine
from holdfast.store.postgresql.backups import copy_to_file
from holdfast.store.postgresql.copying import copy_to_server
from holdfast.store.postgresql.location import parse_location

statements = int(sys.argv[3])

@event.listens_for(Engine, "before_cursor_execute")
def count(connection, *_):
    global statements
    if connection.dialect.name == "postgresql":
        statements -= 1
        if not statements:
            os.kill(os.getpid(), signal.SIGKILL)

copy_to_server(Path(sys.argv[1]), parse_location(sys.argv[2]))
"""


def test_a_copy_that_is_killed_leaves_nothing_and_can_be_repeated(source, original, copy, database, target):
    before = digest_files(source.parent)
    for statement in (5, copy[2] // 2, copy[2]):  # the first is the one after which starts are refused
        process = subprocess.run([sys.executable, "-c", KILLED, source, database.url, str(statement)], check=False)
        assert process.returncode == -signal.SIGKILL, statement
        with pytest.raises(StoreCopying):
            Store(target, utc_now())
    copy_to_server(source, target)
    assert open_copy(target) == original
    with pytest.raises(StoreFilled):
        copy_to_server(source, target)
    assert open_copy(target) == original
    assert digest_files(source.parent) == before


def test_of_two_copies_at_once_one_is_made(source, original, target, monkeypatch):
    monkeypatch.setattr(copying, "_PATIENCE", 60.0)  # on a busy machine, the other copy takes longer than usual

    def attempt(_):
        try:
            return copy_to_server(source, target).rows
        except StoreFilled:
            return 0

    with ThreadPoolExecutor(2) as pool:
        rows = sorted(pool.map(attempt, range(2)))
    assert rows == [0, sum(map(len, original.values()))]
    assert open_copy(target) == original


def test_a_server_that_is_killed_during_a_copy_leaves_nothing_and_it_can_be_repeated(source, original, monkeypatch):
    with PostgresServer() as server:
        target = parse_location(server.create_database().url)
        copy_rows = copying.copy_rows

        def kill_server(original, cursor, table):
            copy_rows(original, cursor, table)
            if table.name == "audit_event":
                server.kill()

        monkeypatch.setattr(copying, "copy_rows", kill_server)
        with pytest.raises(StoreUnreachable):
            copy_to_server(source, target)
        monkeypatch.undo()
        server.start()
        with pytest.raises(StoreCopying):
            Store(target, utc_now())
        copy_to_server(source, target)
        assert open_copy(target) == original


@pytest.mark.parametrize("statement", ["CREATE TABLE other ()", "CREATE TABLE organization (id text)"])
def test_a_database_with_tables_is_not_touched(source, database, target, statement):
    with database.connect() as connection:
        connection.execute(statement)
    with pytest.raises(StoreFilled, match="isn't empty"):
        copy_to_server(source, target)
    assert list_tables(database) == [statement.split()[2]]


def list_tables(database):
    with database.connect() as connection:
        query = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
        return [name for (name,) in connection.execute(query)]


def test_a_row_that_postgresql_can_not_store_is_reported_and_nothing_is_copied(tmp_path, database, target):
    path = tmp_path / "holdfast.sqlite"
    fill(path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE audit_event SET detail = ?", ("a\0b",))
        connection.commit()
    with pytest.raises(CopyDiffers, match=r"audit_event can't be copied: .*NUL"):
        copy_to_server(path, target)
    assert list_tables(database) == ["holdfast_copy"]


def test_a_value_that_differs_is_noticed(source, database, target, monkeypatch):
    copy_rows = copying.copy_rows

    def lose_a_character(original, cursor, table):
        copy_rows(original, cursor, table)
        if table.name == "audit_event":
            cursor.execute("UPDATE audit_event SET detail = detail || ' ' WHERE id = 11")

    monkeypatch.setattr(copying, "copy_rows", lose_a_character)
    with pytest.raises(CopyDiffers, match="audit_event"):
        copy_to_server(source, target)
    assert list_tables(database) == ["holdfast_copy"]
