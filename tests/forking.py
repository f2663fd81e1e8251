"""
Starts `holdfast up` or `holdfast gateway` as a fork of a process that has already imported the server; forked_agents.py
does so with the agents of their gateways.

Importing takes most of the CPU time of a start, and tests start more than a hundred servers. A fork runs the same
code as a new interpreter, on the same files and ports; only password hashes and databases are cheaper. Tests of the
start itself use a new interpreter.

    process = fork_server().start(["up", "--data=..."], os.environ, output, errors)
    process.send_signal(signal.SIGTERM)
    assert process.wait(15) == 0
"""

import ctypes
import importlib
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path
from typing import IO

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36  # <linux/prctl.h>
LATE_IMPORTS = "LATE_IMPORTS"  # the variable with the file for LateImports
PRELOADED = (
    "anyio._backends._asyncio",
    "holdfast.cli.app",
    "holdfast.cli.server.agent",
    "holdfast.cli.server.up",
    "holdfast.cli.server.gateway",
    "holdfast.cli.server.first_start",
    "holdfast.cli.server.join",
    "holdfast.cli.server.process",
    "holdfast.demo.story",
    "holdfast.demo.tour",
    "holdfast.openid.provider",
    "holdfast.server.asgi",
    "holdfast.server.http.server",
    "holdfast.store.migrating",
    "uvicorn.lifespan.off",
)


class LateImports:
    """Writes the names of Holdfast's modules that a fork imports itself to a file, one per line; it finds none."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def find_spec(self, name: str, _path: object = None, _target: object = None) -> None:
        """Write the name of a module that isn't loaded."""
        if name.startswith("holdfast."):
            with self._file.open("a") as file:
                file.write(f"{name}\n")


class ForkedProcess:
    """A process that can be waited for like a subprocess.Popen."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._handle = os.pidfd_open(pid)

    def poll(self) -> int | None:
        """Return the exit code, or None while it runs."""
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.returncode = os.waitstatus_to_exitcode(status)
                os.close(self._handle)
        return self.returncode

    def wait(self, timeout: float) -> int:
        """Wait up to *timeout* seconds for its end and return the exit code; raise subprocess.TimeoutExpired."""
        if self.returncode is None:
            if not select.select([self._handle], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired("holdfast", timeout)
            self.poll()
        assert self.returncode is not None
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send a signal, unless it has ended."""
        if self.poll() is None:
            signal.pidfd_send_signal(self._handle, number)

    def kill(self) -> None:
        """End it at once, unless it has ended."""
        self.send_signal(signal.SIGKILL)


class ForkServer:
    """The process that forks; its forks become children of this process."""

    def __init__(self) -> None:
        # A fork's parent ends at once; its next ancestor that reaps takes its place.
        _prctl(PR_SET_CHILD_SUBREAPER, 1)
        command = [sys.executable, __file__, str(os.getpid())]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def start(self, arguments: list[str], environment: dict[str, str], output: Path, errors: Path) -> ForkedProcess:
        """Run `holdfast` with *arguments*; it appends to the files *output* and *errors*."""
        wish = {"arguments": arguments, "environment": environment, "output": str(output), "errors": str(errors)}
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(wish).encode() + b"\n")
        self._process.stdin.flush()
        return ForkedProcess(int(self._process.stdout.readline()))


@cache
def fork_server() -> ForkServer:
    """Return this process's fork server, which ends with it."""
    return ForkServer()


def _prctl(option: int, value: int) -> None:
    if ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0):
        raise OSError(ctypes.get_errno(), f"prctl({option})")


def _preload() -> None:
    from cheap_databases import make_commits_cheap, make_new_databases_cheap
    from cheap_passwords import make_passwords_cheap
    from forked_agents import become_agents_cheaply

    become_agents_cheaply()
    for name in PRELOADED:
        importlib.import_module(name)
    _load_templates()
    make_passwords_cheap()
    make_commits_cheap()
    make_new_databases_cheap()
    assert len(list(Path("/proc/self/task").iterdir())) == 1, "threads don't survive a fork"


def _load_templates() -> None:
    """Load the templates of all pages, which otherwise each fork does for the pages that it is asked for."""
    from holdfast.web import rendering

    environment = rendering._environment  # noqa: SLF001 - pages only render with it
    for name in environment.list_templates():
        environment.get_template(name)


def _serve(wishes: IO[bytes], pids: IO[bytes], tests: int) -> None:
    """
    Fork for each line of *wishes* and write the process ID; return in each fork, and exit after the last line.

    *tests* is the process ID of the process of the tests.
    """
    for line in wishes:
        wish = json.loads(line)
        reader, writer = os.pipe()
        parent = os.fork()
        if parent == 0:
            between = os.getpid()
            pid = os.fork()
            if pid:
                os.write(writer, b"%d\n" % pid)
                os._exit(0)
            os.close(reader)
            os.close(writer)
            _end_with_tests(between, tests)
            return _become(**wish)
        os.close(writer)
        os.waitpid(parent, 0)
        pids.write(os.read(reader, 32))
        pids.flush()
        os.close(reader)
    os._exit(0)


def _end_with_tests(between: int, tests: int) -> None:
    """Let the kernel stop this process when the process of the tests ends, even if that is killed."""
    while os.getppid() == between:  # until it has ended, and the process of the tests is the parent
        os.sched_yield()
    _prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != tests:  # it ended before, so the kernel sends nothing
        os._exit(1)


def _become(arguments: list[str], environment: dict[str, str], output: str, errors: str) -> None:
    for number, path in ((0, os.devnull), (1, output), (2, errors)):
        file = os.open(path, os.O_RDWR | os.O_APPEND)
        os.dup2(file, number)
        os.close(file)
    os.environ.clear()
    os.environ.update(environment)
    tempfile.tempdir = None  # the environment may name another one
    if LATE_IMPORTS in environment:
        sys.meta_path.insert(0, LateImports(Path(environment[LATE_IMPORTS])))  # type: ignore[arg-type]
    sys.argv = ["holdfast", *arguments]
    if arguments[0] == "up":
        from forked_agents import start_agent_cheaply

        start_agent_cheaply()


if __name__ == "__main__":
    import gc

    gc.disable()
    _preload()
    gc.collect()
    gc.freeze()
    # A fork that collected garbage among these objects, too, would copy the memory of all of them.
    gc.unfreeze = lambda: None
    _serve(sys.stdin.buffer, sys.stdout.buffer, int(sys.argv[1]))
    gc.enable()
    from holdfast.cli import main_in_own_process

    main_in_own_process()
