"""
Passwords and tokens from standard input or a prompt; never from arguments, which other processes can read.
"""

import sys
import warnings
from getpass import GetPassWarning
from typing import Annotated

import typer
from typer import Option

from holdfast.cli.failures import CommandFailed, CommandInterrupted, InvalidUsage

MAX_SECRET = 1024
PasswordStdin = Annotated[bool, Option("--password-stdin", help="Read the password from standard input.")]


def read_password(question: str, *, stdin: bool, new: bool = False) -> str:
    """
    Read a password from the first line of standard input, or prompt for it without echo.

    A *new* password is prompted for twice. Raises CommandFailed if there is none, CommandInterrupted.
    """
    if stdin:
        return read_first_line("password")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", GetPassWarning)
            password: str = typer.prompt(question, hide_input=True, err=True, confirmation_prompt=new)
    except GetPassWarning as error:
        typer.echo(err=True)  # end the line of the prompt
        raise CommandFailed(f"{question}: there is no terminal to enter it. Use --password-stdin.") from error
    except typer.Abort as error:
        if isinstance(error.__context__, KeyboardInterrupt):
            raise CommandInterrupted("Interrupted.") from error
        raise CommandFailed("No password entered, so nothing was changed.") from error
    return password


def read_first_line(what: str) -> str:
    """Read the first line of standard input, which is the *what*. Raises InvalidUsage if it is empty or too long."""
    line = sys.stdin.readline(MAX_SECRET + 1).rstrip("\r\n")
    if not line or len(line) > MAX_SECRET:
        raise InvalidUsage(f"Expected a {what} of up to {MAX_SECRET} characters in the first line of standard input.")
    return line
