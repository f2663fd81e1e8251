"""
Why a command did not do what it was asked, with the exit code that says so to scripts.
"""

import typer
from typer.core import TyperGroup

from holdfast.cli.exit_codes import ExitCode
from holdfast.cli.text import plain


class CommandFailed(Exception):
    """It could not be done; the text says what happened, where, and what to do."""

    code = ExitCode.FAILED


class Misused(CommandFailed):
    """What was written on the command line or in a variable cannot be used."""

    code = ExitCode.USAGE


class WrongFile(CommandFailed):
    """A file or standard input cannot be read, or its content cannot be used."""


class CannotConnect(CommandFailed):
    """The publisher cannot be reached, or is not whom it should be."""

    code = ExitCode.UNREACHABLE


class NotSignedIn(CommandFailed):
    """Nobody is signed in, or the publisher does not believe it."""

    code = ExitCode.NOT_SIGNED_IN


class NotEnforced(CommandFailed):
    """It is saved, but gateways have not put it in force."""

    code = ExitCode.NOT_ENFORCED


class Interrupted(CommandFailed):
    """Somebody pressed Ctrl-C; the text says what was done until then."""

    code = ExitCode.INTERRUPTED


class Refused(CommandFailed):
    """The publisher refused with *status*; *problem* is the name of the kind of error, empty when it said none."""

    def __init__(self, text: str, status: int, problem: str) -> None:
        self.status = status
        self.problem = problem
        super().__init__(text)


class Commands(TyperGroup):
    """The commands; what one could not do is said in words, without a traceback."""

    def invoke(self, ctx: typer.Context) -> object:  # type: ignore[override]  # Typer has a Click of its own
        """Run what was asked for."""
        try:
            try:
                return super().invoke(ctx)
            except KeyboardInterrupt as error:
                typer.echo(err=True)  # the terminal has written ^C
                raise Interrupted("Interrupted.") from error
        except CommandFailed as error:
            typer.echo(f"holdfast: {plain(str(error), lines=True)}", err=True)
            raise typer.Exit(int(error.code)) from error
