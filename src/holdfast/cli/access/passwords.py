"""
Passwords and tokens, from standard input or typed; never from an argument, which others see.
"""

import sys
import warnings
from getpass import GetPassWarning
from typing import Annotated

import typer
from typer import Option

from holdfast.cli.failures import CommandFailed, Interrupted, Misused

MAX_SECRET = 1024
PasswordStdin = Annotated[bool, Option("--password-stdin", help="Read the password from standard input.")]


def read_password(question: str, *, stdin: bool, new: bool = False) -> str:
    """
    Read a password from standard input (its first line) or, without an echo, from the terminal.

    A *new* one is typed twice.
    """
    if stdin:
        return read_first_line("password")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", GetPassWarning)  # where there is no terminal, there is no echo
            password: str = typer.prompt(question, hide_input=True, err=True, confirmation_prompt=new)
    except typer.Abort as error:
        if isinstance(error.__context__, KeyboardInterrupt):
            raise Interrupted("Interrupted.") from error
        text = "No password was given, so nothing was done. Add --password-stdin where nobody can be asked."
        raise CommandFailed(text) from error
    return password


def read_first_line(what: str) -> str:
    """Read the first line of standard input, which is *what*; raise Misused where there is none."""
    line = sys.stdin.readline(MAX_SECRET + 1).rstrip("\r\n")
    if not line or len(line) > MAX_SECRET:
        raise Misused(f"Standard input begins with no {what} of at most {MAX_SECRET} characters.")
    return line
