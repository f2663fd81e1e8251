"""Opening databases of PostgreSQL servers: migrations of several processes at once, and what can't be used."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text

from holdfast.server.clock import utc_now
from holdfast.store.database import Store
from holdfast.store.errors import StoreRefused, StoreTaken, StoreTooNew, StoreUnreachable, StoreUnusable
from holdfast.store.postgresql import opening
from holdfast.store.postgresql.location import parse_location
from holdfast.store.postgresql.opening import check_server
from holdfast.store.revisions import get_newest_revision, list_schema_revisions
from holdfast.store.tables import Table
from ports import free_addresses
from postgresql import shared_server
from running import wait_until
from store.earlier import database_at

pytestmark = pytest.mark.long


@pytest.fixture
def database():
    """An empty database."""
    return shared_server().create_database()


def open_and_close(database):
    Store(parse_location(database.url), utc_now()).close()


def test_migrations_create_the_tables_that_the_code_describes(database):
    store = Store(parse_location(database.url), utc_now())
    with store.read() as session:
        assert compare_metadata(MigrationContext.configure(session.connection()), Table.metadata) == []
    store.close()


def test_control_planes_that_start_at_once_migrate_once(database):
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: open_and_close(database), range(4)))
    with database.connect() as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [(get_newest_revision(),)]


def test_a_migration_waits_for_another_one_that_was_killed(database):
    """As if the process that migrates was killed: its transaction and its lock end with the connection."""
    with database.connect() as other, ThreadPoolExecutor(1) as pool:
        other.execute("BEGIN")
        other.execute("SELECT pg_advisory_xact_lock(%s)", [0x686F6C64_6D696772])
        other.execute("CREATE TABLE organization (id int)")
        opening = pool.submit(open_and_close, database)
        with database.connect() as watching:
            waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
            wait_until(lambda: watching.execute(waiting).fetchone()[0] == 1)
        other.close()
        opening.result(30)


def test_a_migration_gives_way_to_those_who_use_a_table_and_is_tried_again(database, monkeypatch):
    monkeypatch.setattr(opening, "_LOCKED", 0.05)
    monkeypatch.setattr(opening, "_PAUSE", 0.05)
    with database_at(database.url.replace(":", "+psycopg:", 1), list_schema_revisions()[1]):
        pass
    with database.connect() as other, ThreadPoolExecutor(1) as pool:
        other.execute("BEGIN; LOCK TABLE alembic_version IN SHARE MODE")
        migrating = pool.submit(open_and_close, database)
        with database.connect() as watching:
            rollbacks = "SELECT count(*) FROM pg_stat_database WHERE datname = current_database() AND xact_rollback > 1"
            wait_until(lambda: watching.execute(rollbacks).fetchone()[0] == 1, 20)
        assert not migrating.done()
        other.execute("COMMIT")
        migrating.result(30)


def write_as_later_version(database, oldest):
    open_and_close(database)
    with database.connect() as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.execute("UPDATE schema_compatibility SET oldest_revision = %s", [oldest])


def test_tables_of_a_later_version_that_only_added_to_them_can_be_used(database):
    write_as_later_version(database, get_newest_revision())
    with database.connect() as connection:
        connection.execute('ALTER TABLE "change" ADD COLUMN later text')
        connection.execute("CREATE TABLE later (id int)")
    store = Store(parse_location(database.url), utc_now())
    with store.write() as session:
        session.execute(text("INSERT INTO organization VALUES ('default', now())"))
    store.close()


def test_tables_of_a_later_version_that_changed_them_are_refused(database):
    write_as_later_version(database, "9998")
    with pytest.raises(StoreTooNew, match="The database has revision 9999, which this version of Holdfast"):
        open_and_close(database)


def test_a_database_of_another_program_is_refused(database):
    with database.connect() as connection:
        connection.execute("CREATE TABLE theirs (id int)")
    with pytest.raises(StoreTaken, match=r"^The PostgreSQL database .* has tables of another"):
        open_and_close(database)


def test_another_encoding_than_utf8_is_refused():
    server = shared_server()
    server.execute("CREATE DATABASE latin1 TEMPLATE template0 ENCODING LATIN1 LOCALE 'C' OWNER holdfast")
    with pytest.raises(StoreUnusable, match=r"its encoding is LATIN1\. Create one with ENCODING 'UTF8'"):
        open_and_close(server.database("latin1"))


def test_an_old_server_is_refused():
    class Info:
        server_version = 13_00_22

    with pytest.raises(StoreUnusable, match=r"the server is PostgreSQL 13\.22\. Upgrade it to 14 or later\."):
        check_server(Info(), parse_location("postgresql://db.example/holdfast"))


def test_a_server_that_cannot_be_reached_or_refuses_is_explained(database):
    there = parse_location(database.tcp_url, password=database.password)
    Store(there, utc_now()).close()
    port = free_addresses(1)[0].rpartition(":")[2]
    cases = [
        ({"port": port}, StoreUnreachable, r"\(Connection refused\)\. Check that the server runs"),
        ({"dbname": "nothing"}, StoreRefused, 'database "nothing" does not exist.*Create the database'),
        ({"host": "nothing.invalid"}, StoreUnreachable, "failed to resolve host"),
        ({"sslmode": "verify-full"}, StoreRefused, "Turn on TLS at the server"),
    ]
    for parameters, kind, says in cases:
        with pytest.raises(kind, match=says) as error:
            Store(replace(there, parameters={**there.parameters, **parameters}), utc_now())
        assert database.password not in str(error.value)
    with pytest.raises(StoreRefused, match=r"password authentication failed.*Check the user"):
        Store(replace(there, password="wrong"), utc_now())
    with pytest.raises(StoreRefused, match="Set HOLDFAST_DATABASE_PASSWORD"):
        Store(replace(there, password=""), utc_now())


@pytest.mark.parametrize(
    ("grant", "says"), [("", "no schema has been selected"), ("GRANT USAGE ON SCHEMA public TO holdfast", "permission")]
)
def test_a_role_without_privileges_must_become_the_owner(database, grant, says):
    with database.connect("postgres") as connection:
        connection.execute("ALTER SCHEMA public OWNER TO postgres; REVOKE ALL ON SCHEMA public FROM PUBLIC, holdfast")
        connection.execute(grant or "SELECT 1")
    with pytest.raises(StoreUnusable, match=f"{says}.*the owner of the database"):
        open_and_close(database)
