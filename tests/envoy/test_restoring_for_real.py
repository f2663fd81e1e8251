"""Back up a Holdfast that runs, kill it, and restore it; copying a backup over its database is noticed."""

import shutil
import sqlite3
import stat
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from backends import Backend
from issuing import issue
from running import COMMAND, Holdfast

pytestmark = pytest.mark.envoy
APIS = 10
PRESENTED = issue("127.0.0.1")


def run(holdfast: Holdfast, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [str(COMMAND), *map(str, arguments), f"--data={holdfast.data}"]
    return subprocess.run(command, env=holdfast.environment, capture_output=True, text=True, check=False)


def names(holdfast: Holdfast) -> set[str]:
    found = holdfast.rest.get("/apis", params={"limit": 200}).json()["list"]
    return {api["name"] for api in found}


def begin_new_log(database: Path) -> None:
    """Put what the log holds into the database, as happens after every 4 MB of changes."""
    with closing(sqlite3.connect(database)) as connection:
        assert connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0


def test_all_that_a_backup_holds_is_there_after_a_kill_and_a_restore(tmp_path: Path):
    backup = tmp_path / "backup.sqlite"
    with Backend(PRESENTED) as backend, Holdfast(tmp_path) as holdfast:
        database = holdfast.data / "holdfast.sqlite"
        api = holdfast.publish_trusted_api(backend.url(), PRESENTED.pem)
        kept = {api.name} | {holdfast.create_api(name=f"kept{number}").name for number in range(APIS)}
        done = run(holdfast, "backup", backup)
        assert (done.returncode, done.stdout) == (0, "")
        assert f": {APIS + 1} APIs, " in done.stderr
        assert stat.S_IMODE(backup.stat().st_mode) == 0o600
        refused = run(holdfast, "restore", backup)
        assert (refused.returncode, "Another Holdfast runs on" in refused.stderr) == (1, True)

        holdfast.delete_api(api)
        for number in range(APIS):
            holdfast.create_api(name=f"later{number}")
            if number == APIS // 2:
                begin_new_log(database)
        holdfast.kill()
        shutil.copyfile(backup, database)
        said = f"holdfast: {database}-wal is not the write-ahead log of {database}: "
        assert holdfast.refuse_to_start().startswith(said)
        assert "-wal is not the write-ahead log of" in run(holdfast, "doctor").stdout

        done = run(holdfast, "restore", backup)
        assert (done.returncode, done.stderr) == (0, "")
        holdfast.start()
        assert names(holdfast) == kept
        assert holdfast.call(f"{api.path}/menu").status_code == 200
