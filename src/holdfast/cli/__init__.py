"""
The `holdfast` command.

`up` and `demo` run Holdfast; most other commands are REST clients of a running one.
"""

import warnings
from typing import Annotated

import typer
from typer import Option

from holdfast.cli.commands import Commands
from holdfast.cli.exit_codes import ExitCode, describe_codes
from holdfast.cli.exit_timer import exit_timer
from holdfast.cli.terminal.streams import repair_streams

# Plain tracebacks: ones with the values of variables could show a password.
app = typer.Typer(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"]},
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    epilog=describe_codes(*ExitCode),
)


def main() -> None:
    """Run the command, and print failures as messages."""
    # An invalid serial number is a finding, so hide the warning that `cryptography` prints each time. The filter is for
    # the whole process, because `warnings.catch_warnings` isn't safe in threads.
    warnings.filterwarnings("ignore", module=r"holdfast\.")
    app()


def main_in_own_process() -> None:
    """Run the command and end the process, even if threads are still running."""
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


Version = Annotated[bool, Option("--version", callback=_tell_version, is_eager=True, help="Print the version.")]


@app.callback()
def holdfast(*, _version: Version = False) -> None:
    """
    An API publisher and gateway that verifies every backend's certificate.

    Use --context NAME, before or after the command, to choose a publisher. See `holdfast context`.
    """
