"""Obstacles to a start are reported in one sentence, and the exit code is 1."""

import re
import sqlite3
from contextlib import closing

import pytest

from disk_space import largest_file
from holdfast.server.clock import utc_now
from holdfast.store.database import Store
from holdfast.store.errors import StoreFailure, StoreFull
from running import Holdfast


def damage(database):
    content = bytearray(database.read_bytes())
    content[4096:12288] = bytes(8192)
    database.write_bytes(content)


def let_a_newer_version_write(database):
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.execute("UPDATE schema_compatibility SET oldest_revision = '9998'")
        connection.commit()


def put_a_directory_there(database):
    database.unlink()
    database.mkdir()


CASES = [
    (damage, "{} is damaged: database disk image is malformed. Stop Holdfast and restore a backup with"),
    (lambda path: path.write_bytes(b"none" * 2000), "{} is damaged: file is not a database. Stop Holdfast and restore"),
    (
        let_a_newer_version_write,
        "The database has revision 9999, which this version of Holdfast doesn't know. Run the version of",
    ),
    (put_a_directory_there, "Can't read {} (it isn't a file). Check that it is a Holdfast database"),
]


@pytest.mark.parametrize(("spoil", "problem"), CASES, ids=["damaged", "another file", "newer", "not to be opened"])
@pytest.mark.sqlite(reason="about kinds of files")
def test_kinds_of_unusable_databases_are_distinguished(database, spoil, problem):
    spoil(database)
    with pytest.raises(StoreFailure, match="^" + re.escape(problem.format(database))):
        Store(database, utc_now())


def test_an_unusable_database_ends_the_command_with_one_sentence(tmp_path):
    holdfast = Holdfast(tmp_path)
    holdfast.data.mkdir(mode=0o700)
    database = holdfast.data / "holdfast.sqlite"
    database.write_bytes(b"none" * 2000)
    database.chmod(0o600)
    assert holdfast.refuse_to_start() == (
        f"holdfast: {database} is damaged: file is not a database. "
        "Stop Holdfast and restore a backup with `holdfast restore FILE`."
    )


@pytest.mark.parametrize("size", [0, 512, 40_000])
def test_a_full_disk_is_distinguished_from_other_errors(tmp_path, size):
    with largest_file(size), pytest.raises(StoreFull, match=r"^There is no space to write "):
        Store(tmp_path / "new.sqlite", utc_now())
    Store(tmp_path / "new.sqlite", utc_now()).close()


def test_a_full_disk_ends_the_command_with_one_sentence(tmp_path):
    with largest_file(512):
        problem = Holdfast(tmp_path, forks=False).refuse_to_start()
    assert problem.startswith("holdfast: There is no space to write ")
    assert problem.endswith("Free disk space or raise the quota, then try again.")
