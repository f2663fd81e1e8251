"""The process of a gateway's agent: its arguments, and what it doesn't load."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from holdfast.cli.server.agent_options import AgentOptions, read_options
from holdfast.gateway.telemetry.metrics_options import MetricsOptions
from holdfast.server.gateways.local_gateway import AGENT_MODULE

ADDRESSES = {"production": (("127.0.0.1", 8280), ("::1", 8280)), "sandbox/tls": (("127.0.0.1", 8444),)}
LARGE = {
    "holdfast.gateway.telemetry.delivery",
    "envoy.extensions.filters.network.http_connection_manager.v3.http_connection_manager_pb2",
    "colorama",
    "cryptography.x509",
    "greenlet",
    "httpx2",
    "importlib.metadata",
    "pydantic",
    "rich.console",
    "sqlalchemy",
    "typer",
}


@pytest.mark.parametrize(
    "options",
    [
        AgentOptions(
            Path("/data"), "local", "unix:/discovery", 2.5, Path("/envoy"), "debug", ADDRESSES, (Path("/c"), Path("/k"))
        ),
        AgentOptions(
            Path("relative -- data"), "", None, 30.0, None, "warning", {}, metrics=MetricsOptions("http://collector:1")
        ),
    ],
)
def test_an_agent_gets_the_options_of_the_command(options: AgentOptions, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("HOLDFAST_ENVOY", raising=False)
    assert read_options(list(options.to_arguments())) == options


def test_an_agent_reads_the_variables_that_a_publisher_passes_on(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HOLDFAST_ENVOY", "/own/envoy")
    monkeypatch.setenv("HOLDFAST_LOG_LEVEL", "error")
    options = read_options(["--data=/data", "--drain-timeout=1.5s"])
    assert (options.envoy, options.log_level, options.drain) == (Path("/own/envoy"), "error", 1.5)


def test_an_agent_loads_no_large_modules():
    program = f"""
import json, runpy, sys
sys.argv[1:] = ["--help"]
try:
    runpy.run_module({AGENT_MODULE!r}, run_name="__main__")
except SystemExit:
    print(json.dumps([name for name, module in sys.modules.items() if module]))
"""
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    modules = set(json.loads(result.stdout.splitlines()[-1]))
    assert "holdfast.gateway.agent.agent" in modules
    assert not modules & LARGE


def test_a_failure_of_an_agent_is_one_line(tmp_path: Path):
    (tmp_path / "file").touch()
    words = [sys.executable, "-m", AGENT_MODULE, f"--data={tmp_path / 'file' / 'gateway'}"]
    result = subprocess.run(words, env=dict(os.environ), capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout) == (1, "")
    (line,) = result.stderr.splitlines()
    assert line.startswith("holdfast: ")
