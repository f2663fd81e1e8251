"""
Why a command did not do what it was asked, with the exit code that says so to scripts.
"""

from enum import IntEnum

import typer
from typer.core import TyperGroup

from holdfast.cli.text import plain


class ExitCode(IntEnum):
    """What scripts learn from the end of a command."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    DIFFERENT = 2  # of `holdfast diff`
    CANNOT_CONNECT = 3
    NOT_SIGNED_IN = 4


class CommandFailed(Exception):
    """It could not be done; the text says what happened, where, and what to do."""

    code = ExitCode.FAILED


class Misused(CommandFailed):
    """What was written on the command line or in a file cannot be used."""

    code = ExitCode.USAGE


class CannotConnect(CommandFailed):
    """The publisher cannot be reached, or is not whom it should be."""

    code = ExitCode.CANNOT_CONNECT


class NotSignedIn(CommandFailed):
    """Nobody is signed in, or the publisher does not believe it."""

    code = ExitCode.NOT_SIGNED_IN


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
            return super().invoke(ctx)
        except CommandFailed as error:
            typer.echo(f"holdfast: {plain(str(error), lines=True)}", err=True)
            raise typer.Exit(int(error.code)) from error
