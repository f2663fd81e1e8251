"""Every command has help, and imports only the modules that it needs."""

import json
import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
import typer.main
from typer.core import TyperGroup

from holdfast import cli
from holdfast.cli.app import app
from holdfast.cli.commands import COMMANDS
from holdfast.cli.exit_codes import MEANINGS, ExitCode

HEAVY = {"alembic", "asyncio", "cryptography", "envoy", "fastapi", "grpc", "httpx", "httpx2", "jinja2", "jsonschema_rs"}
HEAVY |= {"pydantic_settings", "rich", "sqlalchemy", "ssl", "structlog", "uvicorn", "yaml"}
LOADED = """
import json, sys
from holdfast.cli import main
sys.argv = ["holdfast", *sys.argv[1:]]
try:
    main()
finally:
    print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
"""


def list_commands(group, above=()):
    """Return all commands of a group, as lists of words."""
    for name, command in group.commands.items():
        if isinstance(command, TyperGroup):
            yield from list_commands(command, (*above, name))
        else:
            yield (*above, name)


EVERY_COMMAND = list(list_commands(typer.main.get_command(app)))
GROUPS = [name for name, source in COMMANDS.items() if source.is_group]


@pytest.mark.parametrize("words", EVERY_COMMAND, ids=" ".join)
def test_the_help_of_each_command_has_examples_and_exit_codes(guest, words):
    output = guest.run(*words, "--help").output
    codes = " ".join(output.rpartition("Exit codes: ")[2].split())
    examples = output.partition("  Examples:\n")[2].partition("\n\n")[0].splitlines()
    assert examples != []
    assert all(f"holdfast {' '.join(words)}" in example for example in examples)
    assert codes.startswith("0 ")
    assert guest.run(*words, "-h").output == output
    assert guest.run("help", *words).output == output
    assert ("--context NAME" in output) == ("4 not signed in" in codes)
    wait = "--wait" in output
    assert ("6 saved, but not enforced" in codes) == wait


@pytest.mark.parametrize("words", [(), *((name,) for name in GROUPS)])
def test_groups_show_the_same_help_for_every_form(guest, words):
    output = guest.run(*words, "--help").output
    assert guest.run(*words, "-h").output == output
    assert guest.run("help", *words).output == output


@pytest.mark.parametrize("words", [("lst",), ("api", "lst"), ("api", "list", "all")])
def test_help_for_a_command_that_does_not_exist_is_wrong_usage(guest, words):
    guest.fail("help", *words, code=2)


def test_help_lists_all_exit_codes(guest):
    output = " ".join(guest.run("--help").output.split())
    assert {code for code in ExitCode if f"{int(code)} {MEANINGS[code]}" not in output} == set()


def test_every_command_of_every_module_is_listed():
    modules = {source.module for source in COMMANDS.values()}
    for module in modules:
        names = {
            entry.name or entry.callback.__name__.replace("_", "-")
            for entry in import_module(f"holdfast.cli.{module}").commands.registered_commands
        }
        listed_names = {name for name, source in COMMANDS.items() if source.module == module}
        assert listed_names == names or all(COMMANDS[name].is_group for name in listed_names)


def test_every_module_with_commands_is_listed():
    root = Path(cli.__file__).parent
    files = (file.relative_to(root).with_suffix("") for file in root.rglob("*.py") if file.stem != "__init__")
    modules = {".".join(file.parts) for file in files}
    with_commands = {name for name in modules if hasattr(import_module(f"holdfast.cli.{name}"), "commands")}
    assert with_commands == {module for source in COMMANDS.values() for module in (source.module, *source.also)}


@pytest.mark.parametrize(
    ("arguments", "environment"),
    [
        (["--version"], {}),
        (["--help"], {}),
        (["api", "--help"], {}),
        (["certificate", "add", "--help"], {}),
        (["up", "--help"], {}),
        ([], {"_HOLDFAST_COMPLETE": "complete_bash", "COMP_WORDS": "holdfast cert", "COMP_CWORD": "1"}),
        ([], {"_HOLDFAST_COMPLETE": "complete_bash", "COMP_WORDS": "holdfast certificate a", "COMP_CWORD": "2"}),
    ],
)
def test_local_commands_import_no_heavy_module(guest, arguments, environment):
    clean = {name: value for name, value in os.environ.items() if not name.startswith("HOLDFAST_")}
    result = subprocess.run(
        [sys.executable, "-c", LOADED, *arguments],
        env=clean | guest.environment | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert HEAVY & set(json.loads(result.stdout.splitlines()[-1])) == set()


def test_help_names_arguments_as_man_pages_do_and_shortens_nothing(guest):
    text = " ".join(guest.run("certificate", "--help").output.split())
    assert "..." not in text.partition(" Commands: ")[2]
    assert "certificates, including on open connections." in text  # from the end of a long line
    text = guest.run("certificate", "add", "--help").output
    assert text.startswith("Usage: holdfast certificate add [OPTIONS] ALIAS ENDPOINT FILE\n")
    assert "<str>" not in text
    assert guest.run("backup", "--help").output.startswith("Usage: holdfast backup [OPTIONS] [FILE|-]\n")
