"""The `holdfast` command has help, and reports errors in one sentence."""

import importlib.metadata
import os
import re
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from holdfast import cli
from holdfast.cli.server import local, signals, up
from holdfast.server.machine.directories import lock_data_directory
from issuing import alter, issue, tlv
from ports import free_addresses
from running import wait_until


class Result(Exception):
    """The result of a command: exit code and output."""

    def __init__(self, code: object, output: str, errors: str) -> None:
        self.code, self.output, self.errors = code, output, errors
        super().__init__(code, output, errors)


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ignore the developer's settings, and restore logging for other tests."""
    for name in [name for name in os.environ if name.startswith("HOLDFAST_")]:
        monkeypatch.delenv(name)
    monkeypatch.setattr(local, "configure_logging", str)
    monkeypatch.setattr(signals, "log_everything", lambda: None)
    monkeypatch.setattr(up, "prepare_process", lambda: None)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    def run(*arguments: object) -> Result:
        monkeypatch.setattr(sys, "argv", ["holdfast", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            cli.main()
        return Result(end.value.code, *capsys.readouterr())

    return run


@pytest.fixture
def refusal(run, tmp_path: Path):
    """Run `holdfast up` where it can't start; check that it prints one line, and return the line."""

    def refusal(*arguments: object) -> str:
        result = run("up", "--data", tmp_path / "data", *arguments)
        assert (result.code, result.output) == (1, "")
        (line,) = result.errors.splitlines()
        return line

    return refusal


def test_help_lists_the_commands_with_a_summary(run):
    result = run("--help")
    assert result.code == 0
    lines = [" ".join(line.split()) for line in result.output.splitlines()]
    assert "up Start the publisher and a gateway." in lines
    assert any(line.startswith("demo ") for line in lines)
    assert any(line.startswith("rotate-sealing-key ") for line in lines)


def test_help_of_up_lists_every_option_with_default_and_variables(run):
    output = " ".join(run("up", "--help").output.split())
    for option, default in {
        "--data DIR": "~/.local/share/holdfast",
        "--publisher HOST:PORT": "127.0.0.1:9080",
        "--gateway HOST:PORT": "127.0.0.1:8280",
        "--sandbox HOST:PORT": "127.0.0.1:8281",
    }.items():
        assert option in output
        assert f"[default: {default}]" in output
        assert f"HOLDFAST_{option.split()[0][2:].upper()}" in output
    assert "--demo" in output
    assert "HOLDFAST_ADMIN_PASSWORD" in output
    assert "HOLDFAST_LOG_LEVEL" in output


def test_help_of_demo_explains_once(run):
    output = " ".join(run("demo", "--help").output.split())
    assert "With --once, it instead runs the demo and exits" in output
    assert "Starts `holdfast up --demo`." in output


def test_version_is_that_of_the_package(run):
    result = run("--version")
    assert (result.code, result.output) == (0, f"holdfast {importlib.metadata.version('holdfast-gateway')}\n")


@pytest.mark.parametrize("option", ["--publisher", "--gateway", "--sandbox"])
@pytest.mark.parametrize("address", ["9080", "127.0.0.1:", "127.0.0.1:http", ":9080", "::1:9080"])
def test_an_invalid_address_is_reported_with_its_option(refusal, option, address):
    message = f"{address!r} is not HOST:PORT, such as 127.0.0.1:9080, [::1]:9080 or gateway.example:8280."
    assert refusal(option, address) == f"holdfast: {option}: {message}"


def test_an_invalid_port_is_reported_with_its_option(refusal):
    message = "'127.0.0.1:65536' is not HOST:PORT, such as 127.0.0.1:9080, [::1]:9080 or gateway.example:8280."
    assert refusal("--gateway", "127.0.0.1:65536") == f"holdfast: --gateway: {message}"


def test_an_invalid_variable_is_reported(refusal, monkeypatch):
    monkeypatch.setenv("HOLDFAST_LOG_LEVEL", "loud")
    assert refusal() == "holdfast: HOLDFAST_LOG_LEVEL: 'loud' should be 'debug', 'info', 'warning' or 'error'."


def test_an_address_in_a_variable_is_checked_like_an_option(refusal, monkeypatch):
    monkeypatch.setenv("HOLDFAST_SANDBOX", "sandbox")
    assert refusal().startswith("holdfast: HOLDFAST_SANDBOX: 'sandbox' is not HOST:PORT")


@pytest.mark.parametrize("name", ["publisher", "gateway", "sandbox"])
def test_a_busy_port_is_reported_with_a_remedy(refusal, name):
    addresses = dict(zip(("publisher", "gateway", "sandbox"), free_addresses(3), strict=True))
    with socket.create_server(("127.0.0.1", 0)) as busy:
        addresses[name] = f"127.0.0.1:{busy.getsockname()[1]}"
        line = refusal(*(f"--{option}={address}" for option, address in addresses.items()))
    assert line == (
        f"holdfast: Can't listen on {addresses[name]}: address already in use. "
        f"Stop the program that uses it, or choose another with --{name} HOST:PORT."
    )


def test_a_directory_that_cannot_be_created_is_reported(run, tmp_path):
    file = tmp_path / "file"
    file.touch()
    result = run("up", "--data", file / "data")
    message = f"Can't write {file / 'data'}: Not a directory. Choose another with --data."
    assert (result.code, result.errors) == (1, f"holdfast: {message}\n")


def test_a_directory_in_use_is_reported(refusal, tmp_path):
    with lock_data_directory(tmp_path / "data"):
        line = refusal()
    assert line.startswith(f"holdfast: Holdfast is already running with the data directory {tmp_path / 'data'}.")


def test_a_missing_home_directory_is_reported(run):
    result = run("up", "--data", "~nobody-at-all/data")
    message = "Can't expand ~nobody-at-all/data: there is no home directory. Choose a directory with --data."
    assert (result.code, result.errors) == (1, f"holdfast: {message}\n")


def test_a_missing_envoy_is_reported(refusal, monkeypatch, tmp_path):
    monkeypatch.setenv("HOLDFAST_ENVOY", str(tmp_path / "envoy"))
    assert refusal().startswith(f"holdfast: No Envoy at {tmp_path / 'envoy'}.")


def test_odd_serial_numbers_cause_no_warnings_on_standard_error_in_any_thread():
    program = """
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
import sys
from holdfast.certificates.formats.parsing import parse
from holdfast.cli import main
sys.argv[1:] = ["--version"]
with suppress(SystemExit):
    main()
odd = sys.stdin.buffer.read()
with ThreadPoolExecutor(8) as threads:
    for upload in threads.map(parse, [odd] * 200):
        assert upload.certificates[0].serial_number == -1
"""
    odd = alter(issue(), serial_number=tlv(0x02, b"\xff")).pem
    command = [sys.executable, "-W", "error", "-c", program]
    result = subprocess.run(command, input=odd, capture_output=True, check=True)
    assert result.stderr == b""


def test_only_the_command_line_changes_the_warning_filters_of_the_process():
    root = Path(cli.__file__).parents[1]
    sources = root.rglob("*.py")
    changing = {
        file.relative_to(root).parts[0]
        for file in sources
        if re.search(r"catch_warnings|filterwarnings", file.read_text())
    }
    assert changing == {"cli"}


def test_a_stopped_server_does_not_end_its_process():
    async def work() -> str:
        return "done"

    assert signals.run_until_stopped(work()) == "done"
    wait_until(lambda: not any(isinstance(thread, threading.Timer) for thread in threading.enumerate()))
