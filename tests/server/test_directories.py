"""Holdfast's directories: inaccessible to other users, locked by one process, temporary ones removed at the end."""

import os
import signal
import socket
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from structlog.testing import CapturingLogger

from holdfast.files import private_directories
from holdfast.files.sealing_keys import KeyFile
from holdfast.gateway.process.directory import gateway_directory
from holdfast.gateway.process.socket_directories import temporary_directory
from holdfast.network.sockets import CannotStart
from holdfast.server.clock import utc_now
from holdfast.server.machine import directories
from holdfast.server.machine.directories import lock_data_directory
from holdfast.store.database import Store

HOLD = """
from holdfast.gateway.process.socket_directories import temporary_directory
with temporary_directory() as directory: print(directory, flush=True); input()
"""


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def data(tmp_path):
    """An empty directory that other users can access."""
    directory = tmp_path / "data"
    directory.mkdir()
    directory.chmod(0o755)
    return directory


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    """The directory in which temporary directories are created."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


@pytest.fixture
def read_events(monkeypatch):
    """The log; other tests record only errors."""
    log = CapturingLogger()
    for module in (directories, private_directories):
        monkeypatch.setattr(module, "log", log)
    return lambda: [call.args[0] for call in log.calls]


def test_permissions_of_others_on_a_used_data_directory_are_removed_and_logged(data, read_events):
    files = [data / name for name in ("holdfast.sqlite", "holdfast.sqlite-wal", "envoy.log", "lock")]
    for file in files:
        file.touch(0o644)
    (data / "link").symlink_to("/etc/passwd")
    before = mode(Path("/etc/passwd"))
    with lock_data_directory(data):
        assert mode(data) == 0o700
        assert {mode(file) for file in files} == {0o600}
    assert read_events() == ["data directory closed to others"] + ["file closed to others"] * 4
    assert mode(Path("/etc/passwd")) == before


def test_permissions_of_others_on_an_empty_directory_are_removed(data):
    (data / "lost+found").mkdir()
    with lock_data_directory(data):
        assert mode(data) == 0o700


@pytest.mark.parametrize(("name", "mode_before"), [("letters.txt", 0o755), ("holdfast.sqlite", 0o1777)])
def test_a_directory_that_others_may_need_is_rejected_and_left_unchanged(data, name, mode_before):
    (data / name).touch(0o644)
    data.chmod(mode_before)
    with pytest.raises(CannotStart, match=f"Other users can access {data}"), lock_data_directory(data):
        pass
    assert (mode(data), mode(data / name)) == (mode_before, 0o644)
    assert {path.name for path in data.iterdir()} == {name}


@pytest.mark.parametrize("use", [lock_data_directory, gateway_directory])
def test_a_directory_of_another_user_is_rejected(data, use):
    foreign = Path("/")
    if os.geteuid() == 0:
        foreign = data
        os.chown(data, 65534, -1)
    with pytest.raises(CannotStart, match=f"{foreign} belongs to .+, not to the current user"):  # noqa: SIM117
        with use(foreign):
            pass


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
@pytest.mark.parametrize("use", [lock_data_directory, gateway_directory])
def test_files_that_another_user_put_into_a_data_directory_are_not_used(data, use):
    for name in ("lock", "membership.json"):
        (data / name).touch(0o644)
    os.chown(data / "membership.json", 65534, -1)
    data.chmod(0o777)
    with pytest.raises(CannotStart, match=r"membership\.json belongs to"), use(data):
        pass
    assert mode(data) == 0o777


def test_the_directory_of_a_gateway_is_closed_to_others_or_rejected(data, tmp_path):
    with gateway_directory(data):
        assert mode(data) == 0o700
    directory = tmp_path / "shared"
    directory.mkdir()
    directory.chmod(0o1777)
    with pytest.raises(CannotStart, match=f"Other users can access {directory}"), gateway_directory(directory):
        pass
    assert list(directory.iterdir()) == []


def test_a_closed_directory_with_foreign_files_is_used(data, read_events):
    (data / "publisher.pem").touch(0o600)
    data.chmod(0o700)
    with lock_data_directory(data):
        pass
    assert read_events() == []


def test_files_are_private_whatever_the_umask(tmp_path):
    before = os.umask(0)
    try:
        with lock_data_directory(tmp_path / "data") as _:
            store = Store(tmp_path / "data" / "holdfast.sqlite", utc_now())
        # The database is private even in another directory.
        single = Store(tmp_path / "single.sqlite", utc_now())
        KeyFile(tmp_path / "data" / "sealing-key").read_or_make()
        files = [*(tmp_path / "data").iterdir(), *tmp_path.glob("single.sqlite*")]
        assert {path.name for path in files} >= {"holdfast.sqlite-wal", "single.sqlite-shm", "lock", "sealing-key"}
        assert {path.name: mode(path) for path in files} == {path.name: 0o600 for path in files}
        store.close()
        single.close()
    finally:
        assert os.umask(before) == 0


def test_directories_of_killed_processes_are_removed_but_not_those_of_running_ones(temporary):
    def hold():
        process = subprocess.Popen(
            [sys.executable, "-c", HOLD],
            env=os.environ | {"TMPDIR": str(temporary)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return process, Path(process.stdout.readline().strip())

    (living, living_directory), (dead, dead_directory) = hold(), hold()
    dead.send_signal(signal.SIGKILL)
    dead.wait(60)
    dead.stdin.close()
    dead.stdout.close()
    with temporary_directory() as own, temporary_directory() as another:
        assert not dead_directory.exists()
        assert all(path.is_dir() for path in (living_directory, own, another))
    living.communicate("\n", timeout=60)
    assert list(temporary.glob("holdfast-*")) == []


def test_other_directories_are_not_removed(temporary):
    elsewhere = temporary / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "lock").touch()
    (temporary / "holdfast-link").symlink_to(elsewhere)
    (temporary / "holdfast-file").touch()
    (temporary / "holdfast-other-program").mkdir()
    with temporary_directory():
        pass
    assert (elsewhere / "lock").exists()
    assert {path.name for path in temporary.glob("holdfast-*")} == {
        "holdfast-link",
        "holdfast-file",
        "holdfast-other-program",
    }


def test_a_directory_of_an_earlier_version_is_removed_if_nothing_listens_in_it(temporary):
    for name in ("dead", "alive"):
        (temporary / f"holdfast-{name}").mkdir()
    with socket.socket(socket.AF_UNIX) as alive:
        alive.bind(str(temporary / "holdfast-alive" / "ads"))
        alive.listen()
        with socket.socket(socket.AF_UNIX) as dead:
            dead.bind(str(temporary / "holdfast-dead" / "ads"))
        with temporary_directory():
            pass
    assert [path.name for path in temporary.glob("holdfast-*")] == ["holdfast-alive"]


def test_a_path_that_is_too_long_for_sockets_is_refused_and_nothing_is_left(temporary, monkeypatch):
    long = temporary / ("x" * 100)
    long.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(long))
    with (
        pytest.raises(CannotStart, match=r"longer than 95 bytes\. Set TMPDIR to a shorter path\.$"),
        temporary_directory(),
    ):
        pass
    assert list(long.iterdir()) == []


def test_an_unwritable_temporary_directory_is_reported_in_one_sentence(temporary, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(temporary / "missing"))
    with pytest.raises(CannotStart, match=r"\(No such file or directory\)\. Set TMPDIR to"), temporary_directory():
        pass
