"""
Why a command did not do what it was asked, with the exit code that says so to scripts.
"""

from typing import Any

from holdfast.cli.exit_codes import ExitCode


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


class SignInRequired(CommandFailed):
    """Nobody is signed in, or the publisher does not believe it."""

    code = ExitCode.NOT_SIGNED_IN


class NotEnforced(CommandFailed):
    """It is saved, but gateways have not put it in force; *answer* is how REST described it last."""

    code = ExitCode.NOT_ENFORCED

    def __init__(self, text: str, answer: dict[str, Any] | None = None) -> None:
        self.answer = answer
        super().__init__(text)


class Interrupted(CommandFailed):
    """Somebody pressed Ctrl-C; the text says what was done until then."""

    code = ExitCode.INTERRUPTED


class Refused(CommandFailed):
    """The publisher refused with *status*; *problem* is the name of the kind of error, empty when it said none."""

    def __init__(self, text: str, status: int, problem: str) -> None:
        self.status = status
        self.problem = problem
        super().__init__(text)
