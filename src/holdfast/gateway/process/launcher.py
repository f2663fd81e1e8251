"""
A program that starts Envoy detached: Envoy outlives the process that started this program.

Envoy asks the kernel for SIGTERM when its parent ends (`PR_SET_PDEATHSIG`). So this program forks, ends, and its child
becomes Envoy once init has adopted it. A separate program, because forking a process with threads isn't safe. It uses
only the standard library, and `envoy.py` runs its text with `python -I -S -c`.

Standard input: a JSON object with `command` (Envoy and its arguments), `record` (what to write into the file
`record_file` besides the process ID and the start time). Standard output: a JSON object with `pid`, `started` and
`record_error`, then, if Envoy can't be executed, one with `error` (an errno). It ends when Envoy runs. Envoy writes to
this program's standard error, and inherits its other descriptors, which hold locks.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, TextIO

PARENT_ENDS_WITHIN = 0.001  # seconds between checks


def read_start_time(pid: int) -> str | None:
    """
    Return when a running process started, None if there is none. With the process ID, it identifies a process.

    On Linux, the ID of the boot and clock ticks since then (field 22 of proc_pid_stat(5)); elsewhere, what `ps` says.
    """
    if sys.platform != "linux":
        command = ["ps", "-o", "lstart=", "-p", str(pid)]
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip() or None  # noqa: S603
    try:
        # The second field is the name in parentheses, and can contain anything.
        state, *fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return None
    return None if state in "ZX" else f"{boot} {fields[18]}"


def main() -> None:
    """Fork, and become Envoy in the child."""
    wish = json.load(sys.stdin)
    starter = os.getpid()
    if os.fork():
        os._exit(0)
    while os.getppid() == starter:
        time.sleep(PARENT_ENDS_WITHIN)
    report = os.fdopen(os.dup(1), "w")  # not inherited: it closes when Envoy runs
    os.dup2(2, 1)
    identity: dict[str, Any] = {"pid": os.getpid(), "started": read_start_time(os.getpid())}
    error = _write(Path(wish["record_file"]), json.dumps(wish["record"] | identity))
    _say(report, identity | {"record_error": error})
    for number in (signal.SIGPIPE, signal.SIGXFSZ):  # Python ignores them, and Envoy would, too
        signal.signal(number, signal.SIG_DFL)
    try:
        os.execv(wish["command"][0], wish["command"])  # noqa: S606
    except OSError as problem:
        _say(report, {"error": problem.errno})
        os._exit(127)


def _write(file: Path, text: str) -> str | None:
    """Replace the file atomically; return an error instead of raising it, because traffic matters more."""
    beside = file.with_name(f".{file.name}.new")
    try:
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "w") as output:
            output.write(text)
        beside.replace(file)
    except OSError as error:
        # The file describes an earlier Envoy.
        for path in (beside, file):
            with contextlib.suppress(OSError):
                path.unlink()
        return str(error)
    return None


def _say(report: TextIO, answer: dict[str, Any]) -> None:
    with contextlib.suppress(OSError):  # the process that started this one may have ended
        report.write(json.dumps(answer) + "\n")
        report.flush()


if __name__ == "__main__":
    main()
