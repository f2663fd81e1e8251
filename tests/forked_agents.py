"""
Starts gateway agents as forks, for the processes of forking.py: importing takes most of the CPU time of their start.

A process with threads can't fork. So before it has any, it forks a spare one, which waits until the first agent is to
start, and becomes it. Further agents of the same process use a new interpreter.
"""

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import Iterable
from typing import Any, NoReturn

from holdfast.cli.exit_timer import exit_timer
from holdfast.cli.server import agent_process
from holdfast.server.gateways.local_gateway import AGENT_MODULE

execute = asyncio.create_subprocess_exec  # as in production


def become_agents_cheaply() -> None:
    """Let this process run an agent where it would be replaced by one."""
    agent_process.become_agent = run_agent


def run_agent(arguments: Iterable[str]) -> NoReturn:
    """Run an agent with *arguments* in this process, and end it."""
    words = list(arguments)
    sys.argv = [agent_process.__file__, *words]
    sys.orig_argv = [sys.executable, "-m", AGENT_MODULE, *words]  # with which an agent replaces its process
    code = agent_process.main()
    exit_timer(code).start()
    sys.exit(code)


def start_agent_cheaply() -> None:
    """Let this process start its first agent as a fork. It must not have threads yet."""
    ours, theirs = socket.socketpair()
    pid = os.fork()
    if not pid:
        ours.close()
        _wait_and_become(theirs)
    theirs.close()
    spare: list[socket.socket] = [ours]

    async def start(*command: str, env: dict[str, str], **options: Any) -> Any:
        if command[1:3] != ("-m", AGENT_MODULE) or not spare:
            return await execute(*command, env=env, **options)
        with spare.pop() as channel:
            channel.sendall(json.dumps({"arguments": command[3:], "environment": env}).encode())
        return ForkedAgent(pid)

    asyncio.create_subprocess_exec = start  # type: ignore[assignment]


class ForkedAgent:
    """A child process with what is used of an asyncio.subprocess.Process."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._exit_code = asyncio.get_running_loop().create_future()
        self._handle = os.pidfd_open(pid)
        asyncio.get_running_loop().add_reader(self._handle, self._end)

    def _end(self) -> None:
        asyncio.get_running_loop().remove_reader(self._handle)
        os.close(self._handle)
        self.returncode = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        self._exit_code.set_result(self.returncode)

    async def wait(self) -> int:
        """Wait for its end, and return the exit code."""
        return int(await asyncio.shield(self._exit_code))

    def terminate(self) -> None:
        """Send SIGTERM, unless it has ended."""
        if self.returncode is None:
            os.kill(self.pid, signal.SIGTERM)


def _wait_and_become(channel: socket.socket) -> NoReturn:
    """Become the agent that is asked for on *channel*, or end with the other process."""
    with channel, channel.makefile("rb") as reader:
        wish = reader.read()
    if not wish:
        os._exit(0)
    members = json.loads(wish)
    os.setsid()
    nothing = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1):
        os.dup2(nothing, number)
    os.close(nothing)
    os.environ.clear()
    os.environ.update(members["environment"])
    run_agent(members["arguments"])
