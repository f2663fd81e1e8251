"""A restore replaces the database with its log: killed at any step, it leaves the old state or the new one."""

import os
import signal
from pathlib import Path

import pytest

from holdfast.server.clock import utc_now
from holdfast.store.access import accounts
from holdfast.store.database import Store
from holdfast.store.recovery.copies import copy_database
from holdfast.store.recovery.replacement import is_unfinished, replace_database, stage
from store.left_behind import begin_new_log, kill, log_of, write

pytestmark = [pytest.mark.sqlite(reason="backups are files of SQLite"), pytest.mark.long]

STEPS = ((os, "fsync"), (os, "open"), (Path, "replace"), (Path, "unlink"))
NEW, OLD = ["backed up"], ["backed up", "in the database", "in the log"]


@pytest.fixture
def files(store, database, tmp_path):
    """Return a backup, and the files of a process that was killed later, with transactions only in its log."""
    write(store, "backed up")
    copy_database(database, tmp_path / "backup.sqlite")
    write(store, "in the database")
    begin_new_log(database)
    write(store, "in the log")
    return tmp_path / "backup.sqlite", kill(database, tmp_path / "killed")


def list_organizations(path):
    store = Store(path, utc_now())
    with store.read() as session:
        ids = sorted(accounts.list_organizations(session))
    store.close()
    return ids


def list_names(path):
    return sorted(file.name for file in path.parent.iterdir())


def test_the_old_database_is_kept_with_its_log(files):
    backup, database = files
    before = {path.name: path.read_bytes() for path in (database, log_of(database))}
    previous = replace_database(database, stage(backup, database))
    assert previous is not None
    assert previous.read_bytes() == before["holdfast.sqlite"]
    assert log_of(previous).read_bytes() == before["holdfast.sqlite-wal"]
    assert list_organizations(database) == NEW
    replace_database(database, stage(previous, database))
    assert list_organizations(database) == OLD
    assert not is_unfinished(database)


def test_each_of_several_restores_keeps_the_previous_database(files):
    backup, database = files
    previous = {replace_database(database, stage(backup, database)) for _ in range(3)}
    assert len(previous) == 3
    assert all(path and path.exists() for path in previous)


def restore_and_die(backup: Path, database: Path, step: int) -> bool:
    """Restore in a process that is killed before its *step*th change of files; return whether it got that far."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            count_down(step)
            replace_database(database, stage(backup, database))
            os.write(writing, b"done")
        finally:
            os.kill(os.getpid(), signal.SIGKILL)
    os.close(writing)
    os.waitpid(child, 0)
    with os.fdopen(reading, "rb") as pipe:
        return pipe.read() != b"done"


def count_down(number: int) -> None:
    """Kill this process before its *number*th change of files."""

    def count(original):
        def step(*arguments, **more):
            nonlocal number
            number -= 1
            if number <= 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return original(*arguments, **more)

        return step

    for owner, name in STEPS:
        setattr(owner, name, count(getattr(owner, name)))


def test_a_restore_that_is_killed_at_any_step_leaves_the_old_or_the_new_database(files, tmp_path):
    backup, original = files
    states = []
    for step in range(1, 100):
        database = kill(original, tmp_path / f"step {step}")
        if not restore_and_die(backup, database, step):
            break
        is_decided = is_unfinished(database)
        states.append(list_organizations(database))
        assert states[-1] in (OLD, NEW)
        assert not is_decided or states[-1] == NEW
        assert not is_unfinished(database)
        replace_database(database, stage(backup, database))  # it can be repeated
        assert list_organizations(database) == NEW
        assert not [name for name in list_names(database) if name.endswith((".restoring", ".restored"))]
    assert len(states) > 10
    assert states == sorted(states, reverse=True)  # first the old state; after some step, the new one
    assert states[0] == OLD
    assert states[-1] == NEW
