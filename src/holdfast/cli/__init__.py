"""
The `holdfast` command.

`up` and `demo` run a Holdfast; all others are a client of one, through REST alone.
"""

import warnings
from typing import Annotated

import typer
from typer import Option

from holdfast.cli.commands import Commands
from holdfast.cli.exit_codes import ExitCode, describe_codes
from holdfast.cli.exit_timer import exit_timer
from holdfast.cli.terminal.streams import repair_streams

# Tracebacks stay plain: those that show the values of variables could show a password.
app = typer.Typer(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"]},
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    epilog=describe_codes(*ExitCode),
)


def main() -> None:
    """Run the command; what cannot be done is said in words."""
    # An odd serial number is a finding; `cryptography` would write it on standard error each time, too. The filters
    # are those of the process: `warnings.catch_warnings` where certificates are read isn't safe in threads.
    warnings.filterwarnings("ignore", module=r"holdfast\.")
    app()


def main_in_own_process() -> None:
    """Run the command and let the process end, whatever its threads still do."""
    repair_streams()
    try:
        main()
    except SystemExit as ended:
        exit_timer(ended.code if isinstance(ended.code, int) else int(ended.code is not None)).start()
        raise


def _tell_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version as version_of

        typer.echo(f"holdfast {version_of('holdfast-gateway')}")
        raise typer.Exit


Version = Annotated[bool, Option("--version", callback=_tell_version, is_eager=True, help="Say the version.")]


@app.callback()
def holdfast(*, _version: Version = False) -> None:
    """
    An API publisher and gateway that verifies every backend's certificate.

    Commands that ask a publisher take --context NAME, before or after the command: see `holdfast context`.
    """
