"""A write-ahead log of another state of the database is detected; one that belongs to the database is applied."""

import shutil
import sqlite3
from contextlib import closing

import pytest

from holdfast.server.clock import utc_now
from holdfast.store.access import accounts
from holdfast.store.database import Store
from holdfast.store.errors import StoreFailure, StoreMixed
from holdfast.store.recovery.copies import copy_database
from holdfast.store.recovery.write_ahead_log import MOST, check_log
from store.left_behind import begin_new_log, kill, log_of, write

pytestmark = pytest.mark.sqlite(reason="about the files of SQLite")


def read_number(path):
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        return connection.execute("PRAGMA user_version").fetchone()[0]


@pytest.fixture
def backup(store, database, tmp_path):
    """Return a backup of an earlier state, from before the current log began."""
    write(store, "before")
    copy = tmp_path / "backup.sqlite"
    copy_database(database, copy)
    write(store, "one", "two")
    begin_new_log(database)
    write(store, "three")
    return copy


def test_each_transaction_is_counted(store, database):
    before = read_number(database)
    write(store, "one", "two")
    with store.read() as session:
        assert accounts.list_organizations(session) == ["one", "two"]
    assert read_number(database) == before + 2


def test_a_transaction_without_a_statement_writes_nothing(store, database):
    before = read_number(database)
    with store.write():
        pass
    assert read_number(database) == before


def test_the_log_of_a_killed_process_belongs_to_its_database(database, tmp_path, backup):
    del backup
    copy = kill(database, tmp_path / "killed")
    assert log_of(copy).stat().st_size > 0
    check_log(copy)
    store = Store(copy, utc_now())
    with store.read() as session:
        assert set(accounts.list_organizations(session)) == {"before", "one", "two", "three"}
    store.close()


def test_a_backup_copied_over_the_database_of_a_killed_process_is_detected(database, tmp_path, backup):
    copy = kill(database, tmp_path / "killed")
    shutil.copyfile(backup, copy)
    before = copy.read_bytes(), log_of(copy).read_bytes()
    with pytest.raises(StoreMixed, match=r"-wal is not the write-ahead log of .*`holdfast restore FILE`\.$"):
        Store(copy, utc_now())
    assert (copy.read_bytes(), log_of(copy).read_bytes()) == before


def test_a_later_state_copied_over_the_database_is_detected(store, database, tmp_path, backup):
    del backup
    copy = kill(database, tmp_path / "killed")
    write(store, *map(str, range(5)))
    copy_database(database, tmp_path / "later.sqlite")
    shutil.copyfile(tmp_path / "later.sqlite", copy)
    with pytest.raises(StoreMixed):
        check_log(copy)


def test_an_empty_or_missing_database_next_to_a_log_is_detected(database, tmp_path, backup):
    del backup
    copy = kill(database, tmp_path / "killed")
    copy.write_bytes(b"")
    with pytest.raises(StoreMixed):
        Store(copy, utc_now())
    copy.unlink()
    with pytest.raises(StoreMixed):
        Store(copy, utc_now())


def test_a_backup_of_a_state_within_the_log_is_completed_by_the_log(store, database, tmp_path, backup):
    del backup
    copy_database(database, tmp_path / "recent.sqlite")
    write(store, "four")
    copy = kill(database, tmp_path / "killed")
    shutil.copyfile(tmp_path / "recent.sqlite", copy)
    store_of_copy = Store(copy, utc_now())
    with store_of_copy.read() as session:
        assert set(accounts.list_organizations(session)) == {"before", "one", "two", "three", "four"}
    store_of_copy.close()


def test_a_truncated_or_modified_log_is_never_taken_for_another_databases(database, tmp_path, backup):
    del backup
    copy = kill(database, tmp_path / "killed")
    log = log_of(copy).read_bytes()
    for size in (0, 16, 31, 32, 55, 56, 2000, 32 + 24 + 4095, len(log) - 1):
        log_of(copy).write_bytes(log[:size])
        check_log(copy)
    for at in (0, 8, 20, 28, 32, 40, 48, 56 + 60, 56 + 4000):
        log_of(copy).write_bytes(log[:at] + bytes([log[at] ^ 0x55]) + log[at + 1 :])
        check_log(copy)


def test_the_log_of_a_database_in_use_belongs_to_it(store, database):
    for number in range(30):
        write(store, f"organization {number}")
        if number % 7 == 0:
            begin_new_log(database)
        check_log(database)


def test_numbers_start_over_after_the_largest(store, database, tmp_path):
    with closing(sqlite3.connect(database)) as connection:
        connection.execute(f"PRAGMA user_version = {MOST}")
    copy_database(database, tmp_path / "backup.sqlite")
    begin_new_log(database)
    write(store, "one")
    assert read_number(database) == 0
    check_log(database)
    copy = kill(database, tmp_path / "first")
    check_log(copy)
    begin_new_log(database)
    write(store, "two", "three")
    begin_new_log(database)
    write(store, "four")
    copy = kill(database, tmp_path / "second")
    shutil.copyfile(tmp_path / "backup.sqlite", copy)
    with pytest.raises(StoreFailure):
        check_log(copy)
