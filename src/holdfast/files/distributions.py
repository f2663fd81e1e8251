"""
Installed distributions, mostly without `importlib.metadata`: that takes 2 MB, and agents should stay small.
"""

import sys
from pathlib import Path

_SUFFIX = ".dist-info"


def find_version(distribution: str) -> str:
    """Return the version of an installed distribution, like `1.40.0`. Raises PackageNotFoundError."""
    prefix = f"{distribution.replace('-', '_')}-"
    for directory in list_directories():
        for information in directory.glob(f"{prefix}*{_SUFFIX}"):
            return information.name.removeprefix(prefix).removesuffix(_SUFFIX)
    from importlib.metadata import version  # another kind of installation

    return version(distribution)


def list_directories() -> list[Path]:
    """Return the directories in which Python looks for packages."""
    return [Path(entry) for entry in sys.path if entry]
