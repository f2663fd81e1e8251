"""`holdfast database`, and what other commands do if the data is in PostgreSQL."""

import base64
import json
import sqlite3
from contextlib import closing, suppress
from dataclasses import replace
from datetime import timedelta

import psycopg
import pytest
import typer
from sqlalchemy import event, select
from sqlalchemy.engine import Engine

from databases import write_new_database
from holdfast.apis.gateways.control_plane import ControlPlane
from holdfast.cli.failures import CommandFailed
from holdfast.cli.server import backups, databases, up
from holdfast.doctor.postgresql import check_postgresql
from holdfast.files.sealing_keys import KeyFile, make_key
from holdfast.server.clock import utc_now
from holdfast.server.machine.directories import DATABASE_FILE, lock_data_directory
from holdfast.server.sealing.keys import KEY_FILE, SEALING_KEY, digest_sealing, open_sealing
from holdfast.server.sealing.rotation import ControlPlanesRun, rotate_sealing_key
from holdfast.server.settings import Settings
from holdfast.services.gateways.authority import get_authority
from holdfast.store import inspection, journal
from holdfast.store.access import accounts
from holdfast.store.control_planes import control_planes
from holdfast.store.database import Store
from holdfast.store.postgresql.location import parse_location
from holdfast.store.revisions import get_newest_revision
from holdfast.store.sealing import CannotUnseal, Sealing
from holdfast.store.tables import Table
from postgresql import OWNER, shared_server
from store.earlier import database_at
from store.values import NOW

pytestmark = pytest.mark.usefixtures("clean_environment")


@pytest.fixture
def data(tmp_path):
    """The data directory of a stopped Holdfast with a sealed private key."""
    directory = tmp_path / "data"
    with lock_data_directory(directory):
        write_new_database(directory / DATABASE_FILE)
        store = Store(directory / DATABASE_FILE, utc_now())
        with store.write() as session:
            accounts.insert_organization(session, "default", NOW)
        get_authority(store, open_sealing(Settings(), directory), utc_now())
        store.close()
    return directory


@pytest.fixture
def database():
    return shared_server().create_database()


def make_old(path):
    with database_at(path, "0015"):
        pass


def refusal(run, *arguments, **options):
    with pytest.raises(CommandFailed) as error:
        run(*arguments, **options)
    return str(error.value)


def check(capsys, *arguments):
    """Return the outcomes and texts of `holdfast database check` by name."""
    with suppress(typer.Exit):
        databases.check(*arguments, as_json=True)
    output, log = capsys.readouterr()
    checks = json.loads(output[output.index("{\n") :])["list"]  # after the output of earlier commands
    assert "can't be reached" not in log
    return {row["name"]: row["outcome"] for row in checks}, {row["name"]: row["text"] for row in checks}


def test_migrate_says_what_it_did(data, database, tmp_path, capsys):
    databases.migrate(data, database.url)
    databases.migrate(data, database.url)
    old = tmp_path / "old"
    with lock_data_directory(old):
        make_old(old / DATABASE_FILE)
    databases.migrate(old)
    newest = get_newest_revision()
    assert capsys.readouterr().out.splitlines() == [
        f"Tables of revision {newest} created.",
        f"The tables have revision {newest} already.",
        f"Tables upgraded from revision 0015 to {newest}.",
    ]


def test_a_copy_can_be_checked_and_used(data, database, capsys):
    assert check(capsys, data, database.url)[0]["tables"] == "warning"
    databases.copy(data, database.url)
    assert "and compared each" in capsys.readouterr().out
    outcomes, texts = check(capsys, data, database.url)
    assert {name for name, outcome in outcomes.items() if outcome != "ok"} == {"durability"}
    assert "fsync = off" in texts["durability"]  # of the server of the tests
    assert texts["sealing key"] == "It decrypts all secrets (1)."


def test_a_copy_needs_a_stopped_current_and_complete_database_and_an_empty_one(data, database, tmp_path, capsys):
    copy = databases.copy
    capsys.readouterr()
    assert "Can't connect" in refusal(databases.migrate, data, "postgresql://nobody@127.0.0.1:1/x")
    assert capsys.readouterr().err == ""  # the error is the whole message
    assert "--database" in refusal(copy, data, None)
    assert "no SQLite database" in refusal(copy, tmp_path, database.url)
    with lock_data_directory(data):
        assert "already running" in refusal(copy, data, database.url)
    old = tmp_path / "old"
    with lock_data_directory(old):
        make_old(old / DATABASE_FILE)
    assert "holdfast database migrate" in refusal(copy, old, database.url)
    databases.migrate(data, database.url)
    assert "isn't empty" in refusal(copy, data, database.url)
    with closing(sqlite3.connect(data / DATABASE_FILE)) as connection:  # which doesn't check references
        connection.execute("DELETE FROM organization")
        connection.commit()
    assert "refer to missing rows" in refusal(copy, data, database.url)


def read_all(location):
    """Return the rows of all tables."""
    with closing(Store(location, utc_now())) as store, store.read() as session:
        return {table.name: sorted(map(repr, session.execute(select(table)))) for table in Table.metadata.sorted_tables}


def without_events(rows):
    """Leave out the audit log, to which backups and restores write."""
    return {name: of for name, of in rows.items() if not name.startswith("audit_")}


def test_a_database_of_a_server_is_backed_up_and_restored_to_either_kind(data, database, tmp_path, monkeypatch, capsys):
    databases.copy(data, database.url)
    location, file = parse_location(database.url), tmp_path / "backup.tar"
    before = without_events(read_all(location))
    monkeypatch.setenv("HOLDFAST_DATABASE", database.url)
    with closing(Store(location, utc_now())) as running:
        backups.backup(str(file), data, with_sealing_key=True)  # a control plane may run
        assert running.is_reachable
    assert file.stat().st_mode & 0o777 == 0o600
    assert "isn't empty" in refusal(backups.restore, file, data)
    empty = shared_server().create_database()  # the first one is lost
    monkeypatch.setenv("HOLDFAST_DATABASE", empty.url)
    (data / KEY_FILE).unlink()
    assert check(capsys, data, empty.url)[0]["tables"] == "warning"  # there are none
    backups.restore(file, data)
    assert check(capsys, data, empty.url)[0]["sealing key"] == "ok"
    assert without_events(read_all(parse_location(empty.url))) == before
    actions = [event.action for event in events(parse_location(empty.url))]
    assert actions[-1] == "restore database"
    assert [event.action for event in events(location)][-1] == "back up database"
    monkeypatch.delenv("HOLDFAST_DATABASE")
    backups.restore(file, data)
    assert without_events(read_all(data / DATABASE_FILE)) == before


def events(location):
    with closing(Store(location, utc_now())) as store, store.read() as session:
        return journal.list_audit_events(session, "default")


def test_a_restore_replaces_a_database_of_a_server_on_request_and_keeps_it(
    data, database, tmp_path, monkeypatch, capsys
):
    databases.copy(data, database.url)
    location, file = parse_location(database.url), tmp_path / "backup.sqlite"
    before = without_events(read_all(location))
    monkeypatch.setenv("HOLDFAST_DATABASE", database.url)
    backups.backup(str(file), data)
    with closing(Store(location, utc_now())) as store:
        with store.write() as session:
            accounts.insert_organization(session, "later", NOW)
        register(store, make_key())
        content = without_events(read_all(location))
        assert "These control planes are running: one. Nothing" in refusal(backups.restore, file, data, replace=True)
        assert without_events(read_all(location)) == content
        with store.write() as session:
            control_planes.remove(session, "1")
    content = without_events(read_all(location))
    capsys.readouterr()
    backups.restore(file, data, replace=True)
    assert without_events(read_all(location)) == before
    (backup,) = data.glob("*.before-restore-*")
    assert f"kept as {backup}." in capsys.readouterr().out
    assert backup.stat().st_mode & 0o777 == 0o600
    with psycopg.connect(database.url) as connection:
        connection.execute("LOCK TABLE audit_event IN SHARE UPDATE EXCLUSIVE MODE")  # like VACUUM
        backups.restore(backup, data, replace=True)
    assert without_events(read_all(location)) == content


def test_a_connection_that_is_lost_when_a_restore_is_committed_leaves_a_backup_and_all_keys(
    data, database, tmp_path, monkeypatch
):
    databases.copy(data, database.url)
    file, key_file = tmp_path / "backup.tar", data / KEY_FILE
    monkeypatch.setenv("HOLDFAST_DATABASE", database.url)
    backups.backup(str(file), data, with_sealing_key=True)
    (in_backup,) = KeyFile(key_file).read()
    other = make_key()
    KeyFile(key_file).write([other])

    statements = []

    def lose(_):
        if statements and statements[-1].startswith("DROP TABLE IF EXISTS holdfast_copy"):  # the last of the restore
            end = f"SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = '{database.name}'"  # noqa: S608
            shared_server().execute(end)

    def note(*arguments):
        statements.append(arguments[2])

    event.listen(Engine, "before_cursor_execute", note)
    event.listen(Engine, "commit", lose)
    try:
        problem = refusal(backups.restore, file, data, replace=True)
    finally:
        event.remove(Engine, "commit", lose)
        event.remove(Engine, "before_cursor_execute", note)
    (backup,) = data.glob("*.before-restore-*")
    assert f"may have been replaced; {backup} is a backup of the earlier one" in problem
    assert KeyFile(key_file).read() == (in_backup, other)


def test_an_older_database_of_a_server_is_backed_up_by_its_own_version(data, database, tmp_path, monkeypatch):
    databases.migrate(data, database.url)
    with psycopg.connect(database.url) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '0023'")
    monkeypatch.setenv("HOLDFAST_DATABASE", database.url)
    assert "its tables have revision 0023" in refusal(backups.backup, str(tmp_path / "x"), data)
    assert not (tmp_path / "x").exists()


def test_doctor_checks_the_same(data, database, capsys):
    databases.migrate(data, database.url)
    outcomes, _ = check(capsys, data, database.url)
    with suppress(typer.Exit):
        up.doctor(data, database.url, as_json=True)
    output = capsys.readouterr().out
    of_doctor = {row["name"]: row["outcome"] for row in json.loads(output[output.index("{\n") :])["list"]}
    assert outcomes.items() <= of_doctor.items()


def test_check_finds_what_is_wrong_with_a_server(data, database, capsys):
    server = shared_server()
    databases.migrate(data, database.url)
    capsys.readouterr()
    server.execute(f"REVOKE INSERT ON api FROM {OWNER}; ALTER TABLE session OWNER TO postgres", database.name)
    outcomes, texts = check(capsys, data, database.url)
    assert outcomes["writing"] == "failed"
    assert "ALTER on session, which another role owns" in texts["writing"]
    assert "INSERT on api" in texts["writing"]
    server.execute(f"ALTER DATABASE {database.name} SET default_transaction_read_only = on")
    assert check(capsys, data, database.url)[0]["writing"] == "failed"
    with shared_server().database(database.name).connect() as connection:
        connection.execute("SET default_transaction_read_only = off")
        connection.execute("CREATE TABLE holdfast_copy ()")
    outcomes, texts = check(capsys, data, database.url)
    assert (outcomes["database"], "isn't complete" in texts["database"]) == ("failed", True)
    assert check(capsys, data, "postgresql://nobody@127.0.0.1:1/x")[0] == {"database": "failed"}
    location = replace(parse_location(shared_server().create_database().url), weak_tls="require")
    checks = check_postgresql(location, Settings(), data, utc_now(), running=False)
    assert {row.name: row.outcome for row in checks}["database connection"] == "warning"


@pytest.fixture
def shared_store(data, database):
    """A copied database, opened."""
    databases.copy(data, database.url)
    store = Store(parse_location(database.url), utc_now())
    yield store
    store.close()


def register(store, *keys):
    """Register a control plane with these keys that stays live, however slowly a test runs."""
    last_seen = utc_now() + timedelta(minutes=5)
    digest = {SEALING_KEY: digest_sealing(Sealing(lambda: keys))}
    with store.write() as session:
        control_planes.save(
            session, ControlPlane("1", "one", "1", utc_now(), last_seen, settings=digest), "", last_seen
        )


def can_open(store, key):
    sealing = Sealing(lambda: (key,))
    try:
        with store.read() as session:
            return all(
                sealing.open(secret, owner, row) for owner, row, _, secret in inspection.list_sealed_secrets(session)
            )
    except CannotUnseal:
        return False


def settings_for(data, database, *keys):
    texts = ",".join(base64.b64encode(key).decode() for key in keys)
    return Settings(data=data, database=database.url, **({"sealing_key": texts} if keys else {}))


def test_the_sealing_key_is_not_rotated_while_a_control_plane_lacks_the_new_one(data, database, shared_store):
    (old,), new = KeyFile(data / KEY_FILE).read(), make_key()
    for keys in ((old,), (new,)):
        register(shared_store, *keys)
        for own in ((), (new, old)):
            with pytest.raises(ControlPlanesRun, match=r"running: one\. Nothing was changed"):
                rotate_sealing_key(settings_for(data, database, *own))
    assert KeyFile(data / KEY_FILE).read() == (old,)
    assert can_open(shared_store, old)


def test_the_sealing_key_is_rotated_while_control_planes_that_have_both_keys_run(data, database, shared_store):
    (old,), new = KeyFile(data / KEY_FILE).read(), make_key()
    register(shared_store, old, new)
    with lock_data_directory(data):  # one of them uses it
        assert rotate_sealing_key(settings_for(data, database, new, old)) == (1, 0)
    assert (can_open(shared_store, new), can_open(shared_store, old)) == (True, False)


def test_the_sealing_key_in_the_data_directory_is_rotated_while_no_control_plane_runs(data, database, shared_store):
    (old,) = KeyFile(data / KEY_FILE).read()
    assert rotate_sealing_key(settings_for(data, database)) == (1, 0)
    (new,) = KeyFile(data / KEY_FILE).read()
    assert (can_open(shared_store, new), can_open(shared_store, old)) == (True, False)
