"""Envoy as a detached process: its record, its locks, and who may adopt it. Another program plays Envoy here."""

import asyncio
import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from holdfast.files.locks import is_locked
from holdfast.gateway.process import detached, envoy
from holdfast.gateway.process.binary import EnvoyMissing
from holdfast.gateway.process.detached import DetachedProcess
from holdfast.gateway.process.directory import _find_holders, gateway_directory
from holdfast.gateway.process.envoy import EnvoyProcess
from holdfast.gateway.process.launcher import read_start_time
from holdfast.gateway.process.log_file import EnvoyLogUnusable
from holdfast.gateway.process.record import EnvoyRecord, read_record
from holdfast.network.sockets import CannotStart
from holdfast.server.clock import utc_now
from running import is_running, wait_until

pytestmark = pytest.mark.long

RECORD = {
    "pid": 4711,
    "started": "then",
    "sockets": "/tmp/holdfast-abc",  # noqa: S108
    "base_id": 5,
    "restart_epoch": 0,
    "configuration": "hash",
    "version": None,
}
START = """
import asyncio, sys
from pathlib import Path
import structlog
from holdfast.gateway.process.directory import gateway_directory
from holdfast.gateway.process.envoy import EnvoyProcess
from holdfast.server.clock import utc_now
structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
async def main():
    path = Path(sys.argv[1])
    with gateway_directory(path / "gateway") as directory:
        process = EnvoyProcess(lambda: path / "envoy", "edge", directory, path / "log", 1000, utc_now)
        print("ready", flush=True)
        sys.stdin.readline()
        await process.start()
        print(process.pid, flush=True)
        await (process.replace() if sys.argv[2:] else asyncio.Event().wait())
asyncio.run(main())
"""


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    """A directory with a program that plays Envoy; whatever still runs at the end is killed."""
    script = tmp_path / "envoy"
    script.write_text("#!/bin/sh\n[ $# -gt 1 ] && exec sleep 60\n")
    script.chmod(0o700)
    yield tmp_path
    for pid in running(tmp_path):
        os.kill(pid, signal.SIGKILL)


@contextmanager
def gateway(place: Path) -> Iterator[EnvoyProcess]:
    with gateway_directory(place / "gateway") as directory:
        yield EnvoyProcess((place / "envoy").absolute, "edge", directory, place / "log", 1000, utc_now)


def running(place: Path) -> list[int]:
    """Return the processes that play Envoy, with their children."""
    return _find_holders(place / "gateway" / "envoy.lock")


async def start(process: EnvoyProcess) -> int:
    await process.start()
    assert process.pid
    return process.pid


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"\xff\xfe",
        b"[" * 5000,
        b"{}",
        *(json.dumps(RECORD | change).encode() for change in ({"pid": "4711"}, {"pid": True}, {"pid": 0}, {"pid": 1})),
        *(json.dumps(RECORD | change).encode() for change in ({"pid": -1}, {"sockets": None}, {"version": 3})),
        json.dumps({name: value for name, value in RECORD.items() if name != "started"} | {"added": "later"}).encode(),
        b"x" * 1_000_000,
    ],
)
def test_a_damaged_record_names_no_process(tmp_path: Path, content: bytes):
    file = tmp_path / "envoy.json"
    file.write_bytes(content)
    assert read_record(file) is None


def test_a_record_is_read_whatever_a_newer_version_adds(tmp_path: Path):
    file = tmp_path / "envoy.json"
    file.write_text(json.dumps(RECORD | {"added": "later"}))
    record = read_record(file)
    assert record == EnvoyRecord(**RECORD)
    assert not record.is_running


def test_a_process_is_itself_only_with_its_start_time_and_until_it_ends():
    with subprocess.Popen(["/bin/sleep", "60"]) as process:
        start = read_start_time(process.pid)
        assert detached.is_running(process.pid, start)
        assert not detached.is_running(process.pid, f"{start}1")
        process.kill()
        wait_until(lambda: not detached.is_running(process.pid, start))  # it hasn't been reaped yet
    assert read_start_time(process.pid) is None


def test_an_envoy_is_recorded_in_a_directory_with_a_relative_path(place: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(place)

    async def story() -> int:
        with gateway(Path()) as process:
            return await start(process)

    pid = asyncio.run(story())
    record = read_record(place / "gateway" / "envoy.json")
    assert record
    assert record.pid == pid


@pytest.mark.parametrize("kernel", ["reports its end", "is asked"])
def test_an_adopted_envoy_is_watched(place: Path, monkeypatch: pytest.MonkeyPatch, kernel: str):
    if kernel == "is asked":
        monkeypatch.setattr(detached, "_open", lambda _: None)

    async def story() -> None:
        with gateway(place) as process:
            pid = await start(process)
            record = read_record(place / "gateway" / "envoy.json")
            assert DetachedProcess(pid, "another time").ended.is_set()
            second = DetachedProcess(pid, record.started)
            os.kill(pid, signal.SIGKILL)
            async with asyncio.timeout(60):
                await second.ended.wait()
                while kernel == "reports its end" and process.pid is not None:  # noqa: ASYNC110 - nothing sets an event
                    await asyncio.sleep(0.001)
            second.send_signal(signal.SIGTERM)  # harmless
            await process.stop()

    asyncio.run(story())


def test_a_stopped_envoy_leaves_nothing_behind(place: Path):
    async def story() -> tuple[Path, Path]:
        with gateway(place) as process:
            await start(process)
            assert process.sockets.is_dir()
            shared = _share_memory(place)
            await process.stop()
            assert running(place) == []
        return process.sockets, shared

    assert not any(path.exists() for path in asyncio.run(story()))
    assert {path.name for path in (place / "gateway").iterdir()} == {"lock", "envoy.lock"}


def _share_memory(place: Path) -> Path:
    """Create the file that Envoy shares with its successor."""
    base_id = json.loads((place / "gateway" / "envoy.json").read_text())["base_id"]
    file = Path(f"/dev/shm/envoy_shared_memory_{base_id}0")  # noqa: S108
    file.touch()
    return file


def test_only_one_process_at_a_time_adopts(place: Path):
    with gateway(place), pytest.raises(CannotStart, match="already running"), gateway(place):
        pass


def test_an_envoy_is_adopted_with_its_sockets_and_kept_if_it_cannot_be_replaced(
    place: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(envoy, "READY_WITHIN", 0.2)

    async def story() -> None:
        with gateway(place) as first:
            pid = await start(first)
            assert not first.adopted
        assert first.sockets.is_dir()  # Envoy still uses it
        with gateway(place) as second:
            assert await start(second) == pid
            assert (second.adopted, second.sockets) == (True, first.sockets)
        (place / "envoy").write_text("#!/bin/sh\n[ $# -gt 1 ] && exec sleep 61\n")
        with gateway(place) as third:
            assert await start(third) == pid  # the new one never says that it is ready
            assert not third.adopted
            await third.stop()

    asyncio.run(story())


@pytest.mark.parametrize("damage", ["no record", "no sockets"])
def test_an_envoy_that_cannot_be_adopted_is_ended(place: Path, damage: str):
    async def story() -> None:
        with gateway(place) as first:
            pid = await start(first)
        if damage == "no record":
            (place / "gateway" / "envoy.json").unlink()
        else:
            (first.sockets / "lock").unlink()
        with gateway(place) as second:
            assert await start(second) != pid
            assert not is_running(pid)
            await second.stop()

    asyncio.run(story())


def test_a_record_cannot_name_a_directory_that_is_not_for_sockets(place: Path):
    async def story() -> None:
        with gateway(place) as first:
            await start(first)
        record = place / "gateway" / "envoy.json"
        precious = place / "holdfast-precious"
        precious.mkdir()
        record.write_text(json.dumps(json.loads(record.read_text()) | {"sockets": str(precious)}))
        with gateway(place) as second:
            assert second.sockets != precious
        assert precious.is_dir()

    asyncio.run(story())


def test_wherever_its_starter_is_killed_one_envoy_at_most_runs_and_is_known(place: Path):
    starters = []
    for _ in range(6):
        starter = subprocess.Popen(
            [sys.executable, "-c", START, str(place)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert starter.stdout.readline() == b"ready\n"
        starters.append(starter)
        _run_until_killed(starter, len(starters) * 0.012)
        with gateway_directory(place / "gateway") as directory:
            record = directory.running
            if record:
                assert record.pid in running(place)
                os.kill(record.pid, signal.SIGKILL)
            wait_until(lambda: not is_locked(directory.envoy_lock))


@pytest.mark.parametrize("old", ["runs", "has ended"])
def test_one_envoy_remains_if_its_supervisor_is_killed_during_a_replacement(
    place: Path, monkeypatch: pytest.MonkeyPatch, old: str
):
    monkeypatch.setattr(envoy, "READY_WITHIN", 0.2)
    command = [sys.executable, "-c", START, str(place), "replace"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as starter:
        starter.stdout.readline()
        starter.stdin.write(b"go\n")
        starter.stdin.flush()
        first = int(starter.stdout.readline())
        wait_until(lambda: read_record(place / "gateway" / "envoy-next.json"))
        starter.kill()
    (second,) = {*running(place)} - {first}
    if old == "has ended":
        os.kill(first, signal.SIGKILL)
        wait_until(lambda: not is_running(first))

    async def story() -> None:
        with gateway(place) as process:
            assert await start(process) == (first if old == "runs" else second)
            assert running(place) == [process.pid]
            assert read_record(place / "gateway" / "envoy.json").pid == process.pid
            await process.stop()
        assert {path.name for path in (place / "gateway").iterdir()} == {"lock", "envoy.lock"}

    asyncio.run(story())


def _run_until_killed(starter: subprocess.Popen[bytes], after: float) -> None:
    try:
        starter.communicate(b"go\n", timeout=after)
    except subprocess.TimeoutExpired:
        starter.kill()
        starter.communicate()


def test_a_full_disk_costs_the_adoption_but_not_the_envoy(place: Path):
    async def story() -> None:
        with gateway(place) as first:
            (place / "log").touch()
            soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
            resource.setrlimit(resource.RLIMIT_FSIZE, (16, hard))
            try:
                with capture_logs() as logs:
                    pid = await start(first)
            finally:
                resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
            assert "File too large" in logs[0]["why"]
            assert not (place / "gateway" / "envoy.json").exists()
        with gateway(place) as second:
            assert await start(second) != pid
            assert not is_running(pid)
            await second.stop()

    asyncio.run(story())


def test_a_binary_that_disappears_is_an_error_of_the_system(place: Path):
    async def story() -> None:
        with gateway(place) as process:
            (place / "envoy").unlink()
            with pytest.raises(FileNotFoundError):
                await process.start()
            await process.stop()
        assert running(place) == []

    asyncio.run(story())


def test_a_launcher_that_ends_without_an_answer_is_explained(place: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sys, "executable", "/bin/true")

    async def story() -> None:
        with gateway(place) as process:
            with pytest.raises(EnvoyMissing, match="the process that starts it has ended"):
                await process.start()
            await process.stop()
        assert running(place) == []

    asyncio.run(story())


def test_a_start_that_is_cancelled_is_stopped_too(place: Path):
    async def story() -> None:
        with gateway(place) as process:
            starting = asyncio.create_task(process.start())
            await asyncio.sleep(0)  # it begins
            starting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await starting
            await process.stop()
            assert running(place) == []

    asyncio.run(story())


def test_a_log_that_cannot_be_opened_prevents_the_start(place: Path):
    async def story() -> None:
        (place / "log").mkdir()
        with gateway(place) as process, pytest.raises(EnvoyLogUnusable):
            await process.start()

    asyncio.run(story())
