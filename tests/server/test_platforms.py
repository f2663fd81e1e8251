"""The platforms that Holdfast supports, and the message on others."""

import pytest

from holdfast.cli.failures import CommandFailed
from holdfast.cli.server import up
from holdfast.server.machine.platforms import Platform, describe_problem, find_platform

SUPPORTED = [
    ("Linux", "x86_64", "2.31"),
    ("Linux", "x86_64", "2.36"),
    ("Linux", "aarch64", "3.0"),
    ("Darwin", "arm64", "15.0"),
    ("Darwin", "arm64", "26.1.2"),
]
UNSUPPORTED = [
    ("Linux", "x86_64", "", "Linux without glibc (such as Alpine, which has musl)"),
    ("Linux", "x86_64", "2.30", "Linux with glibc 2.30"),
    ("Linux", "aarch64", "2.9", "Linux with glibc 2.9"),
    ("Linux", "armv7l", "2.36", "Linux on armv7l"),
    ("Linux", "i686", "2.36", "Linux on i686"),
    ("Linux", "riscv64", "2.39", "Linux on riscv64"),
    ("Darwin", "x86_64", "15.1", "macOS with a Python for x86_64"),
    ("Darwin", "arm64", "14.7.1", "macOS 14.7.1"),
    ("Windows", "AMD64", "10", "Windows"),
    ("FreeBSD", "amd64", "14.1", "FreeBSD"),
    ("", "", "", "this system"),
]


@pytest.mark.parametrize("platform", SUPPORTED)
def test_supported_platforms_have_no_problem(platform):
    assert describe_problem(Platform(*platform)) is None


@pytest.mark.parametrize(("system", "machine", "version", "description"), UNSUPPORTED)
def test_other_platforms_are_refused_in_a_sentence(system, machine, version, description):
    assert describe_problem(Platform(system, machine, version)) == (
        f"Holdfast doesn't run on {description}. It needs Linux with glibc 2.31 or newer on x86_64 or aarch64, "
        "and macOS 15 or newer on arm64."
    )


def test_an_own_envoy_suffices_only_on_linux_and_macos():
    rows = [row[:3] for row in UNSUPPORTED if describe_problem(Platform(*row[:3]), own_envoy=True) is None]
    assert {system for system, *_ in rows} == {"Linux", "Darwin"}
    assert len(rows) == 8


def test_the_machine_of_the_tests_is_supported():
    assert describe_problem(find_platform()) is None


@pytest.mark.parametrize("command", [up.up, up.doctor, lambda: up.demo(once=True), lambda: up.demo(once=False)])
def test_commands_of_the_server_refuse_before_they_load_it(command, monkeypatch):
    monkeypatch.delenv("HOLDFAST_ENVOY", raising=False)
    monkeypatch.setattr(up, "find_platform", lambda: Platform("Windows", "AMD64", "10"))
    with pytest.raises(CommandFailed, match=r"^Holdfast doesn't run on Windows\. It needs Linux"):
        command()
