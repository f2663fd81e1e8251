"""
Stops the PostgreSQL servers of a test run when it has ended, even if it was killed, and deletes their files.

    python postgresql_ends.py PID DIRECTORY

PID is the process of the test run; all servers have their data directories below DIRECTORY.
"""

import contextlib
import os
import select
import shutil
import signal
import sys
from pathlib import Path


def processes_of(postmaster: int) -> list[int]:
    """Return the processes of a server, the postmaster first; all others are its children."""
    children = Path(f"/proc/{postmaster}/task/{postmaster}/children")
    return [postmaster, *map(int, children.read_text().split())]


def kill_all(postmaster: int) -> None:
    """Kill all processes of a server, and wait until they have released their shared memory."""
    os.kill(postmaster, signal.SIGSTOP)  # otherwise, it would start another child for each that ends
    everyone = processes_of(postmaster)
    handles = [os.pidfd_open(pid) for pid in everyone]
    for pid, handle in zip(everyone, handles, strict=True):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        select.select([handle], [], [], 30)
        os.close(handle)


def _servers_below(directory: Path) -> list[int]:
    postmasters = []
    for file in directory.glob("*/data/postmaster.pid"):
        pid = int(file.read_text().split()[0])
        with contextlib.suppress(OSError):
            if Path(f"/proc/{pid}/cwd").samefile(file.parent):
                postmasters.append(pid)
    return postmasters


def _wait_for(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        handle = os.pidfd_open(pid)
        select.select([handle], [], [])


if __name__ == "__main__":
    _wait_for(int(sys.argv[1]))
    for server in _servers_below(Path(sys.argv[2])):
        with contextlib.suppress(OSError):
            kill_all(server)
    shutil.rmtree(sys.argv[2], ignore_errors=True)
