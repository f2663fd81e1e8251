"""The record of an agent on this machine: signals reach that process, and never another one with its ID."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from holdfast.cli.failures import CommandFailed
from holdfast.cli.server.running_agent import read_status, replace_agent, stop_agent
from holdfast.files.locks import LOCK_FILE, shared_lock
from holdfast.gateway.agent.record import RECORD_FILE, RecordFile
from holdfast.network.sockets import CannotStart
from holdfast.server.clock import utc_now
from holdfast.server.gateways import local_gateway
from holdfast.server.gateways.local_gateway import LocalGateway


@pytest.fixture
def other(tmp_path: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """A process that has the ID of an agent that was killed, while `gateway join` holds the lock."""
    with subprocess.Popen(["/bin/sleep", "60"]) as process, shared_lock(tmp_path / LOCK_FILE):
        RecordFile(tmp_path).write("local", "1", (), utc_now())
        write(tmp_path, pid=process.pid)
        yield process
        process.kill()


def write(directory: Path, **members: object) -> None:
    file = directory / RECORD_FILE
    file.write_text(json.dumps(json.loads(file.read_text()) | members))


def test_a_record_of_another_version_is_not_used(tmp_path: Path):
    with shared_lock(tmp_path / LOCK_FILE):
        RecordFile(tmp_path).write("local", "1", (), utc_now())
        assert read_status(tmp_path, utc_now()).agent
        file = tmp_path / RECORD_FILE
        members = json.loads(file.read_text())
        file.write_text(json.dumps({name: value for name, value in members.items() if name != "started"}))
        assert not read_status(tmp_path, utc_now()).agent


@pytest.mark.parametrize("command", [stop_agent, replace_agent])
def test_commands_signal_no_process_that_got_the_id_of_a_killed_agent(tmp_path: Path, other, command):
    with pytest.raises(CommandFailed, match="No gateway is running"):
        command(tmp_path)
    assert other.poll() is None
    assert not read_status(tmp_path, utc_now()).agent


def test_the_publisher_signals_no_process_that_got_the_id_of_a_killed_agent(tmp_path: Path, other, monkeypatch):
    monkeypatch.setattr(local_gateway, "STOPS_WITHIN", 0.0)
    gateway = LocalGateway(tmp_path, tmp_path / "discovery", 0.0)
    asyncio.run(gateway.stop(0.0))

    async def start() -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(0.1):  # it waits for the lock
                await gateway.start("local")

    asyncio.run(start())
    assert other.poll() is None


AGENT = """
import signal, sys
from pathlib import Path
from holdfast.files.locks import shared_lock
from holdfast.gateway.agent.record import RecordFile
from holdfast.server.clock import utc_now

signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
with shared_lock(Path(sys.argv[1])):
    print("locked", flush=True)
    sys.stdin.readline()
    RecordFile(Path(sys.argv[1]).parent).write("local", "1", (), utc_now())
    signal.sigwait([signal.SIGUSR1])
"""


def test_an_agent_that_is_starting_with_other_settings_is_replaced_once_it_has_a_record(tmp_path: Path, monkeypatch):
    starts = []

    async def spawn(_: LocalGateway) -> None:
        starts.append(1)

    async def start(before: Callable[[], object]) -> None:
        starting = asyncio.create_task(LocalGateway(tmp_path, tmp_path / "discovery", 0.0).start("local"))
        await asyncio.sleep(0)  # it has noticed the lock
        before()
        await starting

    monkeypatch.setattr(LocalGateway, "_spawn", spawn)
    monkeypatch.setattr(local_gateway, "LEAVES_WITHIN", 0.0)
    words = [sys.executable, "-c", AGENT, str(tmp_path / LOCK_FILE)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as agent:
        assert agent.stdout
        assert agent.stdout.readline() == b"locked\n"
        with pytest.raises(CannotStart, match=r"hasn't ended within 0 seconds\. End it"):
            asyncio.run(start(bool))
        monkeypatch.setattr(local_gateway, "LEAVES_WITHIN", 60.0)
        asyncio.run(start(lambda: agent.stdin and (agent.stdin.write(b"\n"), agent.stdin.flush())))
    assert (agent.returncode, starts) == (0, [1])


@pytest.mark.usefixtures("other")
def test_a_record_that_names_no_process_signals_none(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(os, "kill", lambda *_: pytest.fail("signalled"))
    for members in ({"pid": -1, "started": None}, {"pid": 0, "started": ""}, {"pid": 2**22 + 1, "started": None}):
        write(tmp_path, **members)
        agent = RecordFile(tmp_path).read()
        assert agent
        assert not agent.send_signal(signal.SIGTERM)


def test_an_agent_that_ended_is_not_started_again_once_the_publisher_stops(tmp_path: Path, monkeypatch):
    RecordFile(tmp_path).write("local", "1", (), utc_now())
    starts = []

    async def spawn(_: LocalGateway) -> None:
        starts.append(1)

    async def story() -> None:
        gateway = LocalGateway(tmp_path, tmp_path / "discovery", 0.0)
        keeping = asyncio.create_task(gateway.keep())
        await asyncio.sleep(0)  # it has noticed the end, and pauses
        await gateway.stop(0.0)
        for _ in range(10):
            await asyncio.sleep(0)
        keeping.cancel()

    monkeypatch.setattr(local_gateway, "FIRST_PAUSE", 0.0)
    monkeypatch.setattr(LocalGateway, "_spawn", spawn)
    asyncio.run(story())
    assert not starts
