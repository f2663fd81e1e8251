"""
The application: all commands, and the options that precede them.
"""

from typing import Annotated

import typer
from typer import Option

from holdfast.cli.commands import Commands
from holdfast.cli.exit_codes import ExitCode, describe_codes

# Plain tracebacks: ones with the values of variables could show a password.
app = typer.Typer(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"]},
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    epilog=describe_codes(*ExitCode),
)


def _tell_version(is_set: bool) -> None:
    if is_set:
        from importlib.metadata import version as version_of

        typer.echo(f"holdfast {version_of('holdfast-gateway')}")
        raise typer.Exit


Version = Annotated[bool, Option("--version", callback=_tell_version, is_eager=True, help="Print the version.")]


@app.callback()
def holdfast(*, _version: Version = False) -> None:
    """
    An API publisher and gateway that verifies every backend's certificate.

    Use --context NAME, before or after the command, to choose a publisher. See `holdfast context`.
    """
