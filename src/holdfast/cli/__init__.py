"""
The `holdfast` command.
"""

import sys
from importlib.metadata import version as version_of
from typing import Annotated

import typer
from typer import Option

from holdfast.cli import up
from holdfast.gateway.process import EnvoyMissing
from holdfast.machine import CannotStart

# Tracebacks stay plain: those that show the values of variables could show a password.
app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, pretty_exceptions_enable=False)


def main() -> None:
    """Run the command; what cannot be done is said in one sentence."""
    try:
        app()
    except (CannotStart, EnvoyMissing) as error:
        print(f"holdfast: {error}", file=sys.stderr)
        sys.exit(1)


def _tell_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"holdfast {version_of('holdfast')}")
        raise typer.Exit


Version = Annotated[bool, Option("--version", callback=_tell_version, is_eager=True, help="Say the version.")]


@app.callback()
def holdfast(*, _version: Version = False) -> None:
    """An API publisher and gateway that verifies every backend's certificate."""


app.add_typer(up.commands)
