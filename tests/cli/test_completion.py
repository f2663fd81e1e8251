"""Shells complete what is typed after `holdfast`."""

import subprocess
import sys

import pytest

DETECT_NO_SHELL = {"_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_installs_into_the_home_of_the_user(alone, shell):
    ended = alone.process("--install-completion", shell, **DETECT_NO_SHELL)
    assert ended.code == 0, ended
    written = [file.read_text() for file in alone.home.rglob("*") if file.is_file()]
    assert any("_HOLDFAST_COMPLETE" in text for text in written)


@pytest.mark.parametrize(
    ("typed", "offered"), [("holdfast cert", ["certificate"]), ("holdfast certificate rep", ["replace"])]
)
def test_bash_completes_commands(alone, typed, offered):
    words = {"COMP_WORDS": typed, "COMP_CWORD": str(len(typed.split()) - 1)}
    assert alone.process(**words, _HOLDFAST_COMPLETE="complete_bash").output.split() == offered


def test_help_says_what_exit_codes_mean(alone):
    said = " ".join(alone.done("--help").output.split())
    for code in (
        "0 done",
        "1 refused or failed",
        "2 wrong usage",
        "3 the publisher cannot be reached",
        "4 not signed in",
    ):
        assert code in said


def test_a_command_that_asks_does_not_load_the_server():
    program = "import sys, holdfast.cli; sys.exit('fastapi' in sys.modules or 'grpc' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
