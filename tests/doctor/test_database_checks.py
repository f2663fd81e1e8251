"""`holdfast doctor` reports what an upgrade changes, and databases that were copied or restored incorrectly."""

import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import inspect

from holdfast.server.clock import utc_now
from holdfast.server.machine.directories import DATABASE_FILE
from holdfast.store.catalog import apis
from holdfast.store.database import Store
from holdfast.store.errors import StoreFailure
from holdfast.store.recovery.copies import copy_database
from holdfast.store.recovery.replacement import stage
from holdfast.store.revisions import get_newest_revision, get_revision, list_schema_revisions
from holdfast.store.trust import endpoint_certificates
from issuing import issue
from store.earlier import database_at
from store.left_behind import begin_new_log, log_of, write
from store.values import make_api, make_entry

SAID = {
    "Asking": '{"securityScheme": ["oauth2", "MutualSSL"]}',
    "Mandatory": '{"securityScheme": ["mutualssl_mandatory"]}',
    "Open": '{"securityScheme": ["oauth2"], "tags": ["mutualssl"]}',
}


def make_old(database, revision):
    """Create a database of an earlier version with APIs, with their descriptions if that version stored them."""
    database.unlink()
    with database_at(database, revision) as connection:
        at = "2026-06-01 12:00:00.000000"
        connection.exec_driver_sql("INSERT INTO organization VALUES ('default', ?)", (at,))
        columns = "id, organization_id, name, context, version, description, provider, state, created_at, updated_at"
        for name in SAID:
            values = (name, "default", name, f"/{name}", "1", "", "anna", "PUBLISHED", at, at)
            marks = ", ".join("?" * len(values))
            connection.exec_driver_sql(f"INSERT INTO api ({columns}) VALUES ({marks})", values)  # noqa: S608 - constants
        odd = "UPDATE api SET sandbox_url = 'https://0x7f.1' WHERE id = 'Open'"
        connection.exec_driver_sql(odd)
        for name, members in SAID.items() if "api_document" in inspect(connection).get_table_names() else ():
            connection.exec_driver_sql("INSERT INTO api_document VALUES (?, 'default', ?, NULL)", (name, members))
    database.chmod(0o600)


@pytest.mark.parametrize("revision", list_schema_revisions()[1:])
def test_changes_by_an_upgrade_are_named_before_it(data, unwell, revision):
    database = data / DATABASE_FILE
    make_old(database, revision)
    content = database.read_bytes()
    problems = unwell()
    closes = "0005" <= revision < "0009"
    assert problems.keys() == {"tables", "endpoints"} | ({"upgrade"} if closes else set())
    assert "an endpoint of Open 1 of default, so" in problems["endpoints"][1]
    if closes:
        assert "nobody can call Asking 1 of default, Mandatory 1 of default." in problems["upgrade"][1]
    assert database.read_bytes() == content
    store = Store(database, utc_now())
    with closing(sqlite3.connect(database)) as connection:
        assert get_revision(connection) == get_newest_revision()
    with store.read() as session:
        names = {api.name for api in apis.list_of_organization(session, "default") if api.requires_certificate}
    store.close()
    assert names == ({"Asking", "Mandatory"} if closes else set())


def test_a_database_with_the_log_of_another_one_is_reported(data, unwell, tmp_path):
    database = data / DATABASE_FILE
    copy_database(database, tmp_path / "backup.sqlite")
    store = Store(database, utc_now())
    write(store, "one")
    begin_new_log(database)
    write(store, "two")
    log = log_of(database).read_bytes()
    store.close()
    log_of(database).touch(mode=0o600)
    log_of(database).write_bytes(log)
    shutil.copyfile(tmp_path / "backup.sqlite", database)
    outcome, text, advice = unwell()["database"]
    assert (outcome, "-wal is not the write-ahead log of " in text) == ("failed", True)
    assert advice == "Stop Holdfast and restore a backup with `holdfast restore FILE`."


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (os.mkfifo, "(it isn't a file)."),
        (Path.mkdir, "(it isn't a file)."),
        (lambda path: sqlite3.connect(path).execute("CREATE TABLE api (id)").close(), "isn't a Holdfast database"),
    ],
)
def test_a_file_that_is_not_a_database_fails_as_it_does_at_startup(data, unwell, make, problem):
    database = data / DATABASE_FILE
    database.unlink()
    make(database)
    database.chmod(0o700 if database.is_dir() else 0o600)
    outcome, text, advice = unwell()["database"]
    assert outcome == "failed"
    assert problem in text
    with pytest.raises(StoreFailure) as error:
        Store(database, utc_now())
    assert str(error.value) == f"{text} {advice}"


def test_rows_that_refer_to_nothing_are_a_warning(data, unwell):
    with closing(sqlite3.connect(data / DATABASE_FILE)) as connection:
        connection.executescript("""
            INSERT INTO certificate (endpoint_certificate_id, position, organization_id, der)
            VALUES ('none', 0, 'none', x'00')
        """)
    assert unwell()["references"][:2] == ("warning", "Rows refer to missing rows in certificate.")


def test_values_that_cannot_be_read_are_named_up_to_twenty_objects(data, unwell, change_database):
    def insert(session):
        endpoint_certificates.insert(session, make_entry("pizza-backend", issue("pizza.test")))
        for number in range(21):
            apis.insert(session, make_api(f"Api{number:02}"))

    change_database(insert)
    with closing(sqlite3.connect(data / DATABASE_FILE)) as connection, connection:
        connection.execute("UPDATE certificate SET der = x'00'")
        connection.execute("UPDATE api SET request_rules = '['")
    outcome, text, advice = unwell()["stored values"]
    assert outcome == "failed"
    assert text.startswith("22 objects have values that can't be read: the API Api")
    assert text.endswith("; the API Api19 1.0.0 of default (request rules: save it again); and 2 more.")
    assert advice.startswith("Do what the text says for each, or restore a backup.")


def test_an_interrupted_first_start_needs_only_another_one(data, unwell):
    database = data / DATABASE_FILE
    database.unlink()
    database.touch(mode=0o600)
    assert unwell() == {"tables": ("warning", "There are no tables yet.", "`holdfast up` creates them.")}


def test_an_interrupted_restore_is_reported(data, unwell, tmp_path):
    database = data / DATABASE_FILE
    copy_database(database, tmp_path / "backup.sqlite")
    stage(tmp_path / "backup.sqlite", database).rename(data / f"{DATABASE_FILE}.restored")
    assert unwell()["database"][:2] == ("warning", f"A restore of {database} was interrupted.")
