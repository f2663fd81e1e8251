"""The migrations create the tables that the code declares."""

import os
import stat
from datetime import UTC, datetime

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import String, create_engine, inspect, text
from structlog.testing import CapturingLogger

from disk_space import largest_file
from holdfast.server.clock import utc_now
from holdfast.services.access.context import Context
from holdfast.services.access.permissions import EVERY_PERMISSION, list_permissions
from holdfast.services.access.principal import Principal
from holdfast.services.catalog.lifecycle import list_steps
from holdfast.store import journal, opening
from holdfast.store.access import accounts
from holdfast.store.catalog import api_documents, apis
from holdfast.store.database import Store
from holdfast.store.errors import StoreFull
from holdfast.store.gateways import groups
from holdfast.store.recovery.copies import copy_before_migration
from holdfast.store.revisions import MIGRATIONS, get_newest_revision, get_revision, list_schema_revisions
from holdfast.store.sqlite.files import open_to_read
from holdfast.store.tables import Table
from holdfast.store.tables.columns import StoredJson
from holdfast.store.trust import endpoint_certificates
from store.earlier import database_at
from store.values import NOW, make_entry

pytestmark = pytest.mark.long

SCHEMA = {
    "sqlite": "SELECT name, sql FROM sqlite_master ORDER BY name",
    "postgresql": "SELECT relname, relfilenode, indexdef FROM pg_class LEFT JOIN pg_indexes ON indexname = relname "
    "WHERE relnamespace = current_schema()::regnamespace ORDER BY relname",
}


def test_the_migrations_create_exactly_the_declared_tables(store):
    with store.read() as session:
        connection = session.connection()
        # PostgreSQL can't compare JSON.
        compares_defaults = lambda *of: False if isinstance(of[2].type, StoredJson) else None  # noqa: E731
        options = {"compare_type": True, "compare_server_default": compares_defaults}
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, Table.metadata) == []
        assert set(inspect(connection).get_table_names()) == {*Table.metadata.tables, "alembic_version"}


def test_foreign_keys_are_created_as_declared(store):
    with store.read() as session:
        inspector = inspect(session.connection())
        for table in Table.metadata.sorted_tables:
            created_keys = {
                (tuple(key["constrained_columns"]), key["referred_table"], key["options"].get("ondelete"))
                for key in inspector.get_foreign_keys(table.name)
            }
            declared_keys = table.foreign_key_constraints
            assert created_keys == {
                (tuple(key.column_keys), key.referred_table.name, key.ondelete) for key in declared_keys
            }


def test_texts_sort_by_code_point_whatever_the_locale(store):
    with store.read() as session:
        inspector = inspect(session.connection())
        collations = {
            column["type"].collation
            for table in Table.metadata.sorted_tables
            for column in inspector.get_columns(table.name)
            if isinstance(column["type"], String)
        }
        assert collations == ({None} if inspector.dialect.name == "sqlite" else {"C"})


def test_every_row_has_its_organization():
    of_installation = {
        "connected_gateway",
        "control_plane",
        "failed_attempt",
        "failure",
        "gateway_group",
        "gateway_overview",
        "lease",
        "message",
        "organization",
        "sealed_value",
        "schema_compatibility",
        "traffic_coverage",
        "traffic_source",
        "watch_progress",
    }
    without = [
        table.name
        for table in Table.metadata.sorted_tables
        if table.name not in of_installation
        and (table.columns.get("organization_id") is None or table.columns["organization_id"].nullable)
    ]
    assert without == []


def test_migrations_are_linear():
    scripts = ScriptDirectory(str(MIGRATIONS))
    assert len(scripts.get_heads()) == 1
    assert len(scripts.get_bases()) == 1


def test_revisions_are_read_from_the_names_of_their_files():
    scripts = ScriptDirectory(str(MIGRATIONS))
    assert list_schema_revisions() == tuple(script.revision for script in scripts.walk_revisions())


def list_columns(connection):
    inspector = inspect(connection)
    return {
        (table, column["name"]): (str(column["type"]), column["nullable"], column["default"])
        for table in inspector.get_table_names()
        for column in inspector.get_columns(table)
    }


def test_the_previous_version_can_use_the_tables_of_this_one(tmp_path):
    """Old columns are as before, and new ones of old tables have a default."""
    Store(tmp_path / "newest.sqlite", utc_now()).close()
    engine = create_engine(f"sqlite:///{tmp_path}/newest.sqlite")
    with engine.connect() as connection:
        after = list_columns(connection)
        oldest = connection.exec_driver_sql("SELECT oldest_revision FROM schema_compatibility").scalar_one()
    engine.dispose()
    with database_at(tmp_path / "oldest.sqlite", oldest) as connection:
        before = list_columns(connection)
    assert {column: after.get(column) for column in before} == before
    tables = {table for table, _ in before}
    new_columns = {column: after[column] for column in after.keys() - before.keys() if column[0] in tables}
    assert [column for column, (_, nullable, default) in new_columns.items() if not nullable and default is None] == []


def test_a_later_version_that_only_added_to_the_tables_leaves_them_usable(tmp_path):
    database = tmp_path / "holdfast.sqlite"
    Store(database, utc_now()).close()
    engine = create_engine(f"sqlite:///{database}")
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
        connection.exec_driver_sql("CREATE TABLE later (id INTEGER)")
    engine.dispose()
    store = Store(database, utc_now())
    with store.write() as session:
        accounts.insert_organization(session, "default", NOW)
    store.close()
    assert (read_revision(database), list_copies(database)) == ("9999", [])


def test_opening_a_database_twice_changes_nothing(store, database):
    def schema():
        with store.read() as session:
            return session.execute(text(SCHEMA[session.get_bind().dialect.name])).all()

    before = schema()
    Store(database, utc_now()).close()
    assert schema() == before


def test_a_database_path_can_have_special_characters(tmp_path):
    path = tmp_path / "what? 100%25 #1 ü.sqlite"
    Store(path, utc_now()).close()
    assert path.is_file()


def test_a_database_of_the_first_version_keeps_its_certificates_as_current_ones(tmp_path):
    path, entry = tmp_path / "old.sqlite", make_entry()
    with database_at(path, "0001") as connection:
        at = "2026-06-01 12:00:00.000000"
        connection.exec_driver_sql("INSERT INTO organization VALUES ('default', ?)", (at,))
        row = (entry.id, "default", entry.alias, entry.endpoint, entry.origin, at, at)
        connection.exec_driver_sql("INSERT INTO endpoint_certificate VALUES (?, ?, ?, ?, ?, ?, ?)", row)
        der = entry.certificates[0].der
        connection.exec_driver_sql("INSERT INTO certificate VALUES (?, 0, 'default', ?)", (entry.id, der))
    store = Store(path, utc_now())
    with store.read() as session:
        assert endpoint_certificates.find(session, "default") == ([entry], 1)
    store.close()


@pytest.fixture
def old(tmp_path):
    """A database of an earlier version."""
    path = tmp_path / "holdfast.sqlite"
    with database_at(path, list_schema_revisions()[1]):
        return path


def list_copies(path):
    return sorted(path.parent.glob("*.before-*"))


def read_revision(path):
    with open_to_read(path) as connection:
        return get_revision(connection)


def test_a_database_is_copied_before_its_migration(old, monkeypatch):
    monkeypatch.setattr(opening, "log", log := CapturingLogger())
    before = os.umask(0)
    try:
        Store(old, utc_now()).close()
    finally:
        os.umask(before)
    (copy,) = list_copies(old)
    assert copy.name.startswith(f"holdfast.sqlite.before-{get_newest_revision()}-")
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert (read_revision(old), read_revision(copy)) == (get_newest_revision(), list_schema_revisions()[1])
    assert [call.kwargs["copy"] for call in log.calls] == [str(copy)]
    Store(old, utc_now()).close()
    assert list_copies(old) == [copy]


def test_the_latest_three_copies_are_kept(old):
    for number in range(1, 5):
        copy_before_migration(old, f"000{5 - number}", datetime(2026, 1, number, tzinfo=UTC))
    (old.parent / f"{old.name}.before-restore-20250101T000000Z").touch()
    Store(old, utc_now()).close()
    reasons = [path.name.removeprefix("holdfast.sqlite.before-").rpartition("-")[0] for path in list_copies(old)]
    assert reasons == ["0001", "0002", get_newest_revision(), "restore"]


def test_without_space_for_the_copy_the_tables_are_not_migrated(old):
    with largest_file(40_000), pytest.raises(StoreFull, match=r"^There is no space to write .*\.copying "):
        Store(old, utc_now())
    assert read_revision(old) == list_schema_revisions()[1]
    assert [path.name for path in old.parent.iterdir()] == [old.name]


def read_schema(path):
    engine = create_engine(f"sqlite:///{path}")
    with engine.connect() as connection:
        rows = connection.exec_driver_sql("SELECT name, sql FROM sqlite_master ORDER BY name").fetchall()
    engine.dispose()
    return rows


def test_users_of_a_database_without_roles_are_admins(tmp_path):
    path = tmp_path / "old.sqlite"
    with database_at(path, "0003") as connection:
        connection.exec_driver_sql("INSERT INTO organization VALUES ('default', '2026-01-01')")
        connection.exec_driver_sql("INSERT INTO user_account VALUES ('id', 'default', 'anna', 'hash', '2026-01-01')")
        session_row = "('token', 'default', 'id', '2026-01-01', '2036-01-01')"
        connection.exec_driver_sql(f"INSERT INTO session VALUES {session_row}")  # noqa: S608 - a constant
    store = Store(path, utc_now())
    with store.read() as session:
        user = accounts.get_user_by_name(session, "anna")
        assert user is not None
        assert list_permissions(user.roles) == EVERY_PERMISSION
        assert accounts.get_session_user(session, "token", datetime(2030, 1, 1, tzinfo=UTC)) == user
    store.close()


def test_the_migration_requires_caller_certificates_for_apis_that_asked_for_them(tmp_path):
    path = tmp_path / "old.sqlite"
    members_of = {
        "asking": '{"securityScheme": ["oauth2", "MutualSSL"]}',
        "open": '{"securityScheme": ["oauth2"], "tags": ["mutualssl"]}',
        "odd": '{"securityScheme": "mutualssl"}',
    }
    with database_at(path, "0007") as connection:
        at = "2026-06-01 12:00:00.000000"
        connection.exec_driver_sql("INSERT INTO organization VALUES ('default', ?)", (at,))
        columns = "id, organization_id, name, context, version, description, provider, state, created_at, updated_at"
        for name, members in members_of.items():
            values = (name, "default", name, f"/{name}", "1", "", "anna", "PUBLISHED", at, at)
            marks = ", ".join("?" * len(values))
            connection.exec_driver_sql(f"INSERT INTO api ({columns}) VALUES ({marks})", values)  # noqa: S608 - constants
            connection.exec_driver_sql("INSERT INTO api_document VALUES (?, 'default', ?, NULL)", (name, members))
    store = Store(path, utc_now())
    with store.read() as session:
        names = {api.name for api in apis.list_of_organization(session, "default") if api.requires_certificate}
    store.close()
    assert names == {"asking"}


def test_the_migration_deploys_every_api_to_the_default_group(tmp_path):
    path, at = tmp_path / "old.sqlite", "2026-06-01 12:00:00.000000"
    with database_at(path, "0015") as connection:
        connection.exec_driver_sql("INSERT INTO organization VALUES ('default', ?)", (at,))
        columns = "id, organization_id, name, context, version, description, provider, state, created_at, updated_at"
        values = ("1", "default", "Pizza", "/pizza", "1", "", "anna", "PUBLISHED", at, at)
        marks = ", ".join("?" * len(values))
        connection.exec_driver_sql(f"INSERT INTO api ({columns}) VALUES ({marks})", values)  # noqa: S608 - constants
        members = '{"gatewayEnvironments": ["Production and Sandbox"], "tags": ["a"]}'
        connection.exec_driver_sql("INSERT INTO api_document VALUES ('1', 'default', ?, NULL)", (members,))
    store = Store(path, utc_now())
    with store.read() as session:
        (api,) = apis.list_of_organization(session, "default")
        assert api.groups == {"Default"}
        assert api_documents.list_members(session, "default", ["1"]) == {"1": {"tags": ["a"]}}
        assert groups.list_names(session) == ["Default"]
    store.close()


def test_the_lifecycle_history_includes_old_audit_events(tmp_path):
    path, at = tmp_path / "old.sqlite", "2026-06-01 12:00:00.000000"
    with database_at(path, "0013") as connection:
        connection.exec_driver_sql("INSERT INTO organization VALUES ('default', ?)", (at,))
        columns = "id, organization_id, name, context, version, description, provider, state, created_at, updated_at"
        values = ("1", "default", "Pizza", "/pizza", "1", "", "anna", "DEPRECATED", at, at)
        marks = ", ".join("?" * len(values))
        connection.exec_driver_sql(f"INSERT INTO api ({columns}) VALUES ({marks})", values)  # noqa: S608 - constants
        for action, detail in (
            ("create API", "endpoints https://a -> b"),
            ("change lifecycle", "CREATED -> PUBLISHED"),
            ("change lifecycle", "PUBLISHED -> DEPRECATED"),
        ):
            event = ("default", at, "anna", action, "Pizza 1 (1)", detail)
            columns = "organization_id, at, user, action, subject, detail"
            connection.exec_driver_sql(f"INSERT INTO audit_event ({columns}) VALUES (?, ?, ?, ?, ?, ?)", event)  # noqa: S608
    store = Store(path, utc_now())
    context = Context(store, Principal("default", "anna"), datetime(2026, 6, 2, tzinfo=UTC))
    assert [step.after for step in list_steps(context, "1")] == ["CREATED", "PUBLISHED", "DEPRECATED"]
    with store.read() as session:
        events = journal.list_audit_events(session, "default")
    assert [(event.detail, event.details) for event in events] == [
        ("endpoints https://a -> b", {}),
        ("CREATED -> PUBLISHED", {"before": "CREATED", "after": "PUBLISHED"}),
        ("PUBLISHED -> DEPRECATED", {"before": "PUBLISHED", "after": "DEPRECATED"}),
    ]
    store.close()
