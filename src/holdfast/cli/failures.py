"""
Failures of commands, each with its exit code.
"""

from typing import Any

from holdfast.cli.exit_codes import ExitCode


class CommandFailed(Exception):
    """A command failed; the text says what happened, where, and what to do."""

    code = ExitCode.FAILED


class InvalidUsage(CommandFailed):
    """An argument or environment variable is invalid."""

    code = ExitCode.USAGE


class WrongFile(CommandFailed):
    """A file or standard input can't be read, or its content is invalid."""


class CannotConnect(CommandFailed):
    """The publisher can't be reached or verified."""

    code = ExitCode.UNREACHABLE


class SignInRequired(CommandFailed):
    """There are no credentials, or the publisher rejects them."""

    code = ExitCode.NOT_SIGNED_IN


class NotEnforced(CommandFailed):
    """The change is saved but not enforced on all gateways; *answer* is the last response of REST."""

    code = ExitCode.NOT_ENFORCED

    def __init__(self, text: str, answer: dict[str, Any] | None = None) -> None:
        self.answer = answer
        super().__init__(text)


class CommandInterrupted(CommandFailed):
    """The user pressed Ctrl-C; the text says what was done until then."""

    code = ExitCode.INTERRUPTED


class RequestRefused(CommandFailed):
    """The publisher rejected the request with *status*; *problem* is the type of the error, empty if unknown."""

    def __init__(self, text: str, status: int, problem: str) -> None:
        self.status = status
        self.problem = problem
        super().__init__(text)
