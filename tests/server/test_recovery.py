"""`holdfast backup` and `holdfast restore`: what they accept, reject and print."""

import getpass
import os
import re
import shutil
import sqlite3
import stat
import sys
import tarfile
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from databases import write_new_database
from disk_space import largest_file
from holdfast import cli
from holdfast.apis.identities.gateway_identity import GatewayIdentity
from holdfast.cli.failures import CommandFailed
from holdfast.cli.server import backups
from holdfast.server.clock import utc_now
from holdfast.server.machine.directories import DATABASE_FILE, locate_database, lock_data_directory
from holdfast.server.sealing.keys import KEY_FILE, open_sealing
from holdfast.server.sealing.rotation import rotate_sealing_key
from holdfast.server.settings import Settings
from holdfast.store import journal
from holdfast.store.access import accounts
from holdfast.store.catalog import apis
from holdfast.store.database import Store
from holdfast.store.identities import gateway_identities
from holdfast.store.recovery.copies import copy_before_migration
from holdfast.store.revisions import get_newest_revision, list_schema_revisions
from issuing import issue
from store.earlier import database_at
from store.left_behind import begin_new_log, kill, log_of, write
from store.values import NOW, make_api, read

ORIGIN = "https://pizza.test"


pytestmark = pytest.mark.usefixtures("clean_environment")


@pytest.fixture
def data(tmp_path):
    """The data directory of a stopped Holdfast with one API."""
    directory = tmp_path / "data"
    with lock_data_directory(directory):
        write_new_database(directory / DATABASE_FILE)
        store = Store(directory / DATABASE_FILE, utc_now())
        with store.write() as session:
            accounts.insert_organization(session, "default", NOW)
            apis.insert(session, make_api())
        store.close()
    return directory


@pytest.fixture
def refusal():
    def refusal(run, *arguments, **options):
        with pytest.raises(CommandFailed) as error:
            run(*arguments, **options)
        return str(error.value)

    return refusal


def names(directory):
    return sorted(path.name for path in directory.iterdir())


def api_names(database):
    store = Store(database, utc_now())
    with store.read() as session:
        result = [api.name for api in apis.list_of_organization(session, "default")]
    store.close()
    return result


def test_a_backup_is_one_private_file_and_its_content_is_printed(data, tmp_path, capsys):
    file, before = tmp_path / "backup.sqlite", os.umask(0)
    try:
        backups.backup(str(file), data)
    finally:
        os.umask(before)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert names(tmp_path) == ["backup.sqlite", "data"]
    output = capsys.readouterr()
    size = file.stat().st_size
    assert output.err == f"Backup written to {file}: 1 API, tables of revision {get_newest_revision()}, {size} bytes.\n"
    assert output.out == ""
    assert api_names(file) == ["Pizza"]


def test_a_backup_without_a_name_is_called_by_the_time(data, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    backups.backup(None, data)
    (name,) = set(names(tmp_path)) - {"data"}
    assert name.startswith("holdfast-2")
    assert name.endswith("Z.sqlite")


def test_a_backup_on_standard_output_is_only_the_database(data, tmp_path, capfdbinary):
    backups.backup("-", data)
    content = capfdbinary.readouterr().out
    (tmp_path / "from-output.sqlite").write_bytes(content)
    assert api_names(tmp_path / "from-output.sqlite") == ["Pizza"]


def test_a_backup_overwrites_nothing(data, tmp_path, refusal):
    file = tmp_path / "backup.sqlite"
    file.write_text("mine")
    assert refusal(backups.backup, str(file), data) == f"{file} already exists. Choose another name or remove it."
    assert file.read_text() == "mine"


def test_a_backup_needs_the_name_of_a_new_file_in_a_directory_that_exists(data, tmp_path, refusal):
    missing = tmp_path / "missing"
    problems = {
        tmp_path: f"{tmp_path} is a directory. Name a new file in it.",
        missing / "backup.sqlite": f"{missing} isn't a directory. Create it, or choose another one.",
        data / DATABASE_FILE / "backup.sqlite": f"{data / DATABASE_FILE} isn't a directory. ",
    }
    for target, sentence in problems.items():
        assert refusal(backups.backup, str(target), data).startswith(sentence)
    assert names(tmp_path) == ["data"]


@pytest.mark.parametrize("script", ["", "CREATE TABLE api (id)"])
def test_foreign_and_empty_databases_are_not_backed_up(data, tmp_path, refusal, script):
    database = data / DATABASE_FILE
    database.unlink()
    with closing(sqlite3.connect(database)) as connection:
        connection.executescript(script)
    database.touch()
    problem = refusal(backups.backup, str(tmp_path / "backup.sqlite"), data)
    assert problem.startswith(f"{database} isn't a Holdfast database, or has no tables yet. ")
    assert names(tmp_path) == ["data"]


@pytest.mark.parametrize("name", ["a?b#c%20d", "new\nline", os.fsdecode(b"\xff")])
def test_a_directory_may_have_any_name(data, tmp_path, name, capsys):
    there = data.rename(tmp_path / name)
    backups.backup(str(there / "backup.sqlite"), there)
    backups.restore(there / "backup.sqlite", there)
    assert ": 1 API, " in capsys.readouterr().out


@pytest.fixture
def database_file(data, tmp_path):
    """Move the database to another directory, and leave a symbolic link to it in the data directory."""
    elsewhere = tmp_path / "elsewhere" / "apis.sqlite"
    elsewhere.parent.mkdir()
    (data / DATABASE_FILE).rename(elsewhere)
    (data / DATABASE_FILE).symlink_to(elsewhere)
    return elsewhere


def test_a_backup_through_a_symbolic_link_includes_the_write_ahead_log(data, database_file, tmp_path):
    file = tmp_path / "backup.sqlite"
    store = Store(locate_database(data), utc_now())
    with store.write() as session:
        apis.insert(session, make_api("Pasta"))
    assert database_file.with_name("apis.sqlite-wal").stat().st_size > 0
    backups.backup(str(file), data)
    store.close()
    assert api_names(file) == ["Pizza", "Pasta"]


def test_a_log_of_another_database_is_noticed_behind_a_symbolic_link(data, database_file, tmp_path, refusal):
    file, directory = tmp_path / "backup.sqlite", tmp_path / "left"
    backups.backup(str(file), data)
    store = Store(locate_database(data), utc_now())
    write(store, "one")
    begin_new_log(database_file)
    write(store, "two")
    log = log_of(kill(database_file, directory))
    store.close()
    shutil.copyfile(file, database_file)
    shutil.copyfile(log, log_of(database_file))
    assert f"{log_of(database_file)} is not the write-ahead log of" in refusal(
        backups.backup, str(tmp_path / "new"), data
    )


def test_a_restore_through_a_symbolic_link_replaces_what_it_names(data, database_file, tmp_path, capsys):
    file = tmp_path / "backup.sqlite"
    backups.backup(str(file), data)
    backups.restore(file, data)
    old_database = next(database_file.parent.glob("*.before-restore-*"))
    assert f"is kept as {old_database}." in capsys.readouterr().out
    assert (data / DATABASE_FILE).readlink() == database_file
    assert api_names(database_file) == ["Pizza"]


def test_a_backup_on_a_full_disk_leaves_nothing(data, tmp_path, refusal):
    with largest_file(40_000):
        problem = refusal(backups.backup, str(tmp_path / "backup.sqlite"), data)
    assert problem.startswith("There is no space to write ")
    assert names(tmp_path) == ["data"]


def test_a_damaged_database_is_not_backed_up(data, tmp_path, refusal):
    database = data / DATABASE_FILE
    content = bytearray(database.read_bytes())
    content[4096:12288] = bytes(8192)
    database.write_bytes(content)
    problem = refusal(backups.backup, str(tmp_path / "backup.sqlite"), data)
    assert problem.startswith(f"{database} is damaged: ")
    assert names(tmp_path) == ["data"]


def test_a_directory_without_a_database_cannot_be_backed_up(tmp_path, refusal):
    problem = f"There is no Holdfast database in {tmp_path}. Choose its directory with --data."
    assert refusal(backups.backup, str(tmp_path / "backup.sqlite"), tmp_path) == problem


def test_a_restore_reports_its_content_and_the_old_database(data, tmp_path, capsys):
    file = tmp_path / "backup.sqlite"
    backups.backup(str(file), data)
    capsys.readouterr()
    store = Store(data / DATABASE_FILE, utc_now())
    with store.write() as session:
        apis.insert(session, make_api("Pasta"))
    store.close()
    backups.restore(file, data)
    output, old_database = capsys.readouterr().out, next(data.glob("*.before-restore-*"))
    assert f"Restored {file}: 1 API, tables of revision {get_newest_revision()}." in output
    assert f"The previous database is kept as {old_database}." in output
    assert stat.S_IMODE(old_database.stat().st_mode) == 0o600
    assert api_names(data / DATABASE_FILE) == ["Pizza"]
    assert api_names(old_database) == ["Pizza", "Pasta"]


def test_a_backup_can_be_restored_into_a_new_directory(data, tmp_path):
    file, elsewhere = tmp_path / "backup.sqlite", tmp_path / "another" / "data"
    backups.backup(str(file), data)
    backups.restore(file, elsewhere)
    assert names(elsewhere) == [DATABASE_FILE, "lock"]
    assert {stat.S_IMODE(path.stat().st_mode) for path in elsewhere.iterdir()} == {0o600}
    assert api_names(elsewhere / DATABASE_FILE) == ["Pizza"]


def test_nothing_is_restored_while_a_holdfast_runs(data, tmp_path, refusal):
    file = tmp_path / "backup.sqlite"
    backups.backup(str(file), data)
    with lock_data_directory(data):
        problem = refusal(backups.restore, file, data)
    assert (
        problem
        == f"Holdfast is already running with the data directory {data}. Stop it, or choose another with --data."
    )


def make_old(path, revision):
    with database_at(path, revision):
        return path


def spoil(how):
    def spoil_file(path):
        make_old(path, get_newest_revision())
        with closing(sqlite3.connect(path)) as connection:
            connection.executescript(how)

    return spoil_file


UNUSABLE = {
    "missing": (Path.exists, "can't be restored: there is no such file."),
    "directory": (Path.mkdir, "can't be restored: it is not a file."),
    "empty": (Path.touch, "can't be restored: it is not a database of Holdfast."),
    "text": (
        lambda path: path.write_text("Dear all, " * 900),
        "can't be restored: it is damaged (file is not a database). Nothing was",
    ),
    "cut off": (
        lambda path: path.write_bytes(make_old(path, get_newest_revision()).read_bytes()[:9000]),
        "can't be restored: it is damaged (database disk image is malformed). Nothing was changed.",
    ),
    "another program's": (
        lambda path: sqlite3.connect(path).execute("CREATE TABLE api (id)").close(),
        "it is not a database of Holdfast.",
    ),
    "newer": (
        spoil("UPDATE alembic_version SET version_num = '9999'"),
        "The database has revision 9999, which this version of Holdfast doesn't know. Run the version of Holdfast that",
    ),
}


@pytest.mark.parametrize(("make", "problem"), UNUSABLE.values(), ids=UNUSABLE)
def test_a_file_that_is_not_a_backup_is_rejected_and_changes_nothing(data, tmp_path, refusal, make, problem):
    file = tmp_path / "backup.sqlite"
    make(file)
    before = (data / DATABASE_FILE).read_bytes()
    assert problem in refusal(backups.restore, file, data)
    assert (data / DATABASE_FILE).read_bytes() == before
    assert names(data) == [DATABASE_FILE, "lock"]


def test_a_database_with_rows_that_refer_to_nothing_is_backed_up_and_restored(data, tmp_path):
    file = tmp_path / "backup.sqlite"
    orphan = """
        INSERT INTO certificate (endpoint_certificate_id, position, organization_id, der)
        VALUES ('none', 0, 'none', x'00')
    """
    spoil(orphan)(tmp_path / "odd.sqlite")
    backups.restore(tmp_path / "odd.sqlite", data)
    backups.backup(str(file), data)
    backups.restore(file, data)
    assert api_names(data / DATABASE_FILE) == []


def test_the_database_itself_is_not_accepted_as_a_backup(data, refusal):
    assert "it is the database in use." in refusal(backups.restore, data / DATABASE_FILE, data)


def test_a_disk_without_space_for_the_copy_changes_nothing(data, tmp_path, refusal):
    file = tmp_path / "backup.sqlite"
    backups.backup(str(file), data)
    with largest_file(40_000):
        assert refusal(backups.restore, file, data).startswith("There is no space to write ")
    assert names(data) == [DATABASE_FILE, "lock"]
    assert api_names(data / DATABASE_FILE) == ["Pizza"]


def revision_in(database):
    with closing(sqlite3.connect(database)) as connection:
        return connection.execute("SELECT version_num FROM alembic_version").fetchone()[0]


@pytest.mark.parametrize("revision", list_schema_revisions()[1:])
def test_a_restored_backup_of_any_earlier_revision_is_brought_up_to_date(data, tmp_path, revision):
    backups.restore(make_old(tmp_path / "old.sqlite", revision), data)
    assert api_names(data / DATABASE_FILE) == []
    assert revision_in(data / DATABASE_FILE) == get_newest_revision()


@pytest.fixture
def sealed_identity(data):
    """Store a gateway identity's private key in the database."""
    sealing = open_sealing(Settings(data=data), data)
    identity, row = issue("gateway.test"), "row"
    key = sealing.seal(identity.key_pem, "default", row)
    entry = GatewayIdentity(row, "default", ORIGIN, ORIGIN, (read(identity),), key, None, NOW, NOW)
    store = Store(data / DATABASE_FILE, utc_now())
    with store.write() as session:
        gateway_identities.save(session, entry)
    store.close()


def test_a_backup_does_not_include_the_sealing_key_and_reports_that(data, sealed_identity, tmp_path, capsys):
    del sealed_identity
    file = tmp_path / "backup.sqlite"
    backups.backup(str(file), data)
    assert "doesn't include the sealing key, which is needed to decrypt its 1 secret" in capsys.readouterr().err
    assert (data / KEY_FILE).read_bytes().strip() not in file.read_bytes()


def events(database):
    """Return the last audit event: user, action, subject, details."""
    store = Store(database, utc_now())
    with store.read() as session:
        last = journal.list_audit_events(session, "default")[-1]
    store.close()
    return last.user, last.action, last.subject, last.details


def test_a_backup_with_the_sealing_key_is_enough_to_restore_everything(
    data, sealed_identity, tmp_path, capsys, monkeypatch
):
    del sealed_identity
    file, before = tmp_path / "backup.tar", (data / KEY_FILE).read_bytes()
    backups.backup(str(file), data, with_sealing_key=True)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "WARNING: the backup includes the sealing key. Anyone who has it" in capsys.readouterr().err
    user = f"{getpass.getuser()} (command line)"
    assert events(data / DATABASE_FILE) == (user, "back up database", "backup.tar", {"with_sealing_key": True})
    shutil.rmtree(data)
    monkeypatch.setenv("HOLDFAST_SEALING_KEY", "A" * 43 + "=")
    with pytest.raises(CommandFailed, match="includes a sealing key: unset HOLDFAST_SEALING_KEY"):
        backups.restore(file, data)
    monkeypatch.delenv("HOLDFAST_SEALING_KEY")
    backups.restore(file, data)
    assert f"The sealing key in the backup was added to {data / KEY_FILE}." in capsys.readouterr().out
    assert (data / KEY_FILE).read_bytes() == before
    assert names(data) == [DATABASE_FILE, "lock", KEY_FILE]
    assert events(data / DATABASE_FILE) == (user, "restore database", "backup.tar", {"with_sealing_key": True})
    rotate_sealing_key(Settings(data=data))
    backups.restore(file, data)  # the current key stays, for the database that is kept
    keys = (data / KEY_FILE).read_bytes()
    assert keys.startswith(before)
    assert len(keys) == 2 * len(before)
    capsys.readouterr()
    backups.restore(next(data.glob("*.before-restore-*")), data)
    assert "can't be decrypted" not in capsys.readouterr().out


@pytest.mark.parametrize("name", ["sealing-key", DATABASE_FILE, ""])
def test_an_incomplete_archive_is_rejected_and_changes_nothing(data, sealed_identity, tmp_path, refusal, name):
    del sealed_identity
    backups.backup(str(tmp_path / "whole.tar"), data, with_sealing_key=True)
    with tarfile.open(tmp_path / "whole.tar") as whole, tarfile.open(tmp_path / "part.tar", "w") as part:
        for member in whole:
            if member.name != name:
                part.addfile(member, whole.extractfile(member))
    if not name:
        beginning = (tmp_path / "part.tar").read_bytes()[:9000]
        (tmp_path / "part.tar").write_bytes(beginning)
    problem = refusal(backups.restore, tmp_path / "part.tar", tmp_path / "another")
    assert "it is not a complete archive of a backup. Nothing was changed." in problem
    assert not (tmp_path / "another").exists()


def test_secrets_that_cannot_be_decrypted_are_restored_only_on_request(
    data, sealed_identity, tmp_path, refusal, capsys
):
    del sealed_identity
    file, elsewhere = tmp_path / "backup.sqlite", tmp_path / "another"
    backups.backup(str(file), data)
    problem = refusal(backups.restore, file, elsewhere)
    assert problem.startswith(
        f"1 secret in {file} can't be decrypted: the sealing key that it was sealed with is missing."
    )
    assert DATABASE_FILE not in names(elsewhere)
    backups.restore(file, elsewhere, without_keys=True)
    assert "1 secret can't be decrypted." in capsys.readouterr().out
    assert api_names(elsewhere / DATABASE_FILE) == ["Pizza"]
    shutil.copy(data / KEY_FILE, elsewhere / KEY_FILE)
    backups.restore(file, elsewhere)
    assert "can't be opened" not in capsys.readouterr().out


def test_the_commands_of_the_documentation_work(data, tmp_path, monkeypatch, capfdbinary):
    docs = Path(__file__).parents[2] / "docs/how-to"
    backup_page = (docs / "backup.md").read_text().partition("\n## PostgreSQL\n")[0]
    page = backup_page + (docs / "upgrade.md").read_text()
    commands = [line.partition(" | ")[0] for line in page.splitlines() if re.match("holdfast (backup|restore) ", line)]
    assert len(commands) == 5
    copy_before_migration(data / DATABASE_FILE, "0012", datetime(2026, 11, 28, 12, tzinfo=UTC))
    (tmp_path / "backups").mkdir()
    for line in commands:
        here = line.replace("/var/lib/holdfast", str(data), 2).replace(" /backups", f" {tmp_path}/backups")
        monkeypatch.setattr(sys, "argv", here.split())
        with pytest.raises(SystemExit) as error:
            cli.main()
        assert error.value.code == 0, capfdbinary.readouterr().err
    assert api_names(data / DATABASE_FILE) == ["Pizza"]
