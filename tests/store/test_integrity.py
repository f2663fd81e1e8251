"""Integrity checks: a damaged database isn't opened, and the check of a large one has a time limit."""

import sqlite3
from contextlib import closing

import pytest
from structlog.testing import CapturingLogger

from holdfast.server.clock import utc_now
from holdfast.store.database import Store
from holdfast.store.errors import StoreDamaged, StoreForeign
from holdfast.store.recovery import integrity
from holdfast.store.recovery.integrity import check_before_start

pytestmark = [pytest.mark.sqlite(reason="about SQLite's own checks of its file"), pytest.mark.long]

EVENTS = """
    INSERT INTO organization VALUES ('default', '2026-01-01');
    INSERT INTO audit_event (organization_id, at, user, action, subject, detail)
    WITH RECURSIVE number(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < 200000)
    SELECT 'default', '2026-01-01', 'anna', 'create API', 'API ' || n, '' FROM number;
"""


@pytest.fixture
def log(monkeypatch):
    monkeypatch.setattr(integrity, "log", log := CapturingLogger())
    return log


def run(database, script):
    with closing(sqlite3.connect(database)) as connection:
        connection.executescript(script)


def test_a_large_database_is_checked_as_far_as_time_allows_and_the_log_names_what_was_skipped(database, log):
    run(database, EVENTS)
    check_before_start(database, 0.001)
    (call,) = log.calls
    assert call.args == ("database is too large for a complete check at start",)
    assert call.kwargs["skipped"] in integrity._CHECKS  # noqa: SLF001 - how far it gets depends on the machine


def test_a_database_of_another_program_is_not_changed(database):
    database.unlink()
    run(database, "CREATE TABLE api (id)")
    before = database.read_bytes()
    with pytest.raises(StoreForeign, match="isn't a Holdfast database"):
        Store(database, utc_now())
    assert database.read_bytes() == before


@pytest.mark.parametrize("script", ["", "CREATE TABLE alembic_version (version_num)"])
def test_a_first_start_that_was_killed_is_repeated(database, script):
    database.unlink()
    database.touch(mode=0o600)
    run(database, script)
    Store(database, utc_now()).close()


def test_rows_that_refer_to_missing_rows_are_logged_and_do_not_prevent_a_start(database, log):
    orphan = """
        INSERT INTO certificate (endpoint_certificate_id, position, organization_id, der)
        VALUES ('none', 0, 'none', x'00')
    """
    run(database, orphan)
    Store(database, utc_now()).close()
    (call,) = log.calls
    assert call.args == ("rows refer to missing rows",)
    assert call.kwargs == {"tables": ["certificate"]}


BROKEN = {
    "an index that lacks an entry": (
        "PRAGMA writable_schema = ON; UPDATE sqlite_master SET rootpage = "
        "(SELECT rootpage FROM sqlite_master WHERE name = 'audit_event_by_time') WHERE name = 'audit_event_by_subject'"
    ),
}


@pytest.mark.parametrize("script", BROKEN.values(), ids=BROKEN)
def test_damage_is_found_before_the_database_is_opened(database, log, script):
    run(database, EVENTS.replace("200000", "20"))
    check_before_start(database)
    run(database, script)
    before = database.read_bytes()
    with pytest.raises(StoreDamaged):
        Store(database, utc_now())
    assert database.read_bytes() == before
    assert log.calls == []
