"""tests/forking.py leaves no process behind, and its forks need no further imports."""

import importlib.util
import json
import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from forking import LATE_IMPORTS, PRELOADED
from ports import free_addresses
from running import START_WITHIN, is_running, kill, wait_until

TESTS = Path(__file__).parents[1]
# As a process of pytest: it starts a Holdfast, waits until it has an Envoy, and is killed.
STARTS = """
import os, sys, time
from pathlib import Path
from forking import fork_server
process = fork_server().start(["up"], dict(os.environ), Path(sys.argv[1]), Path(sys.argv[1]))
while "Ready" not in Path(sys.argv[1]).read_text():
    assert process.poll() is None, Path(sys.argv[1]).read_text()
    time.sleep(0.05)
print(process.pid, flush=True)
time.sleep(100)
"""


def test_each_preloaded_module_exists():
    assert [name for name in PRELOADED if not importlib.util.find_spec(name)] == []


@pytest.mark.envoy
def test_a_fork_imports_nothing_of_holdfast_and_ends_when_the_process_of_its_tests_is_killed(tmp_path):
    addresses = dict(zip(("PUBLISHER", "GATEWAY", "SANDBOX"), free_addresses(3), strict=True))
    ours = {f"HOLDFAST_{name}": address for name, address in addresses.items()}
    environment = os.environ | ours | {"HOLDFAST_DATA": str(tmp_path / "data"), "PYTHONPATH": str(TESTS)}
    output, late_imports = tmp_path / "output", tmp_path / "late-imports"
    output.touch()
    late_imports.touch()
    environment[LATE_IMPORTS] = str(late_imports)
    command = [sys.executable, "-c", STARTS, output]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as tests:
        assert tests.stdout
        holdfast = os.pidfd_open(int(tests.stdout.readline()))
        imports = late_imports.read_text().split()
        tests.kill()
    readable, _, _ = select.select([holdfast], [], [], START_WITHIN)
    if not readable:
        signal.pidfd_send_signal(holdfast, signal.SIGKILL)
    os.close(holdfast)
    assert readable
    assert imports == [], "add these modules to PRELOADED"


def test_a_holdfast_does_not_start_for_tests_that_have_ended(tmp_path):
    with subprocess.Popen(["/bin/true"]) as tests:
        pass
    output = tmp_path / "output"
    output.touch()
    environment = os.environ | {"HOLDFAST_DATA": str(tmp_path / "data")}
    wish = {"arguments": ["up"], "environment": environment, "output": str(output), "errors": str(output)}
    command = [sys.executable, TESTS / "forking.py", str(tests.pid)]
    fork = int(subprocess.run(command, input=json.dumps(wish).encode() + b"\n", capture_output=True, check=True).stdout)
    try:
        wait_until(lambda: not is_running(fork))
    finally:
        if is_running(fork):
            kill(fork)
    assert output.read_text() == ""
