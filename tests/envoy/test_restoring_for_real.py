"""Back up a running Holdfast, kill it and restore it; a backup copied over its database is detected."""

import shutil
from pathlib import Path

import pytest

from backends import Backend
from holdfast.cli.failures import CommandFailed
from holdfast.cli.server import backups, local
from issuing import issue
from running import Holdfast
from store.left_behind import begin_new_log

pytestmark = pytest.mark.envoy
APIS = 10
IDENTITY = issue("127.0.0.1")


def names(holdfast: Holdfast) -> set[str]:
    entries = holdfast.rest.get("/apis", params={"limit": 200}).json()["list"]
    return {api["name"] for api in entries}


def test_a_backup_is_complete_after_a_kill_and_a_restore(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr(local, "configure_logging", str)
    backup = tmp_path / "backup.sqlite"
    with Backend(IDENTITY) as backend, Holdfast(tmp_path) as holdfast:
        database = holdfast.data / "holdfast.sqlite"
        api = holdfast.publish_trusted_api(backend.url(), IDENTITY.pem)
        expected_names = {api.name} | {holdfast.create_api(name=f"kept{number}").name for number in range(APIS)}
        backups.backup(str(backup), holdfast.data)
        assert f": {APIS + 1} APIs, " in capsys.readouterr().err
        with pytest.raises(CommandFailed, match=r"^Holdfast is already running with the data directory "):
            backups.restore(backup, holdfast.data)

        holdfast.delete_api(api)
        for number in range(APIS):
            holdfast.create_api(name=f"later{number}")
            if number == APIS // 2:
                begin_new_log(database)  # as happens after every 4 MB of changes
        holdfast.kill()
        shutil.copyfile(backup, database)
        message = f"holdfast: {database}-wal is not the write-ahead log of {database}: "
        assert holdfast.refuse_to_start().startswith(message)

        backups.restore(backup, holdfast.data)
        holdfast.start()
        assert names(holdfast) == expected_names
        assert holdfast.call(f"{api.path}/menu").status_code == 200
