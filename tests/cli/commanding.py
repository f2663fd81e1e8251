"""Runs the `holdfast` command: quickly in this process, or as a separate process."""

import functools
import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from typer import testing

from holdfast.cli.app import app
from running import COMMAND

# Building the commands takes longer than running one. In its own process, each is built once, too.
testing._get_command = functools.cache(testing._get_command)  # type: ignore[attr-defined]  # noqa: SLF001


@dataclass(frozen=True, slots=True)
class Result:
    """The result of a command: exit code and output."""

    code: int
    output: str
    errors: str

    @property
    def json(self) -> Any:
        """The output parsed as JSON."""
        return json.loads(self.output)


class Command:
    """The command with a separate home directory and environment."""

    def __init__(self, home: Path, **environment: str) -> None:
        self.home = home
        self.environment = {"XDG_CONFIG_HOME": str(home / "config"), "HOME": str(home)} | environment

    def __call__(self, *arguments: object, stdin: str | bytes = "", **environment: str) -> Result:
        """Run it and see that it ends without a traceback."""
        environment = self.environment | environment
        result = testing.CliRunner().invoke(
            app, [*map(str, arguments)], input=stdin, env=environment, prog_name="holdfast"
        )
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return Result(result.exit_code, result.stdout, result.stderr)

    def run(self, *arguments: object, stdin: str | bytes = "", **environment: str) -> Result:
        """Run it and see that it did what it was asked."""
        result = self(*arguments, stdin=stdin, **environment)
        assert result.code == 0, result
        return result

    def fail(self, *arguments: object, code: int = 1, stdin: str | bytes = "", **environment: str) -> str:
        """Run it, see that it ends with *code*, and give what it says about that."""
        result = self(*arguments, stdin=stdin, **environment)
        assert (result.code, result.errors != "") == (code, True), result
        return result.errors

    def process(self, *arguments: object, stdin: str = "", **environment: str) -> Result:
        """Run it as a process."""
        clean = {name: value for name, value in os.environ.items() if not name.startswith("HOLDFAST_")}
        result = subprocess.run(
            [str(COMMAND), *map(str, arguments)],
            env=clean | self.environment | environment,
            input=stdin,
            text=True,
            capture_output=True,
            timeout=180,
            check=False,
        )
        return Result(result.returncode, result.stdout, result.stderr)
