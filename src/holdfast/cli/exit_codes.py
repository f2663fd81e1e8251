"""
Exit codes: how a command ended, for scripts.
"""

from enum import IntEnum


class ExitCode(IntEnum):
    """Each outcome that a script may want to tell apart has a code of its own."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    UNREACHABLE = 3
    NOT_SIGNED_IN = 4
    DIFFERENT = 5
    NOT_ENFORCED = 6
    REJECTED = 7
    INTERRUPTED = 130  # 128 + SIGINT, as shells report it


MEANINGS = {
    ExitCode.DONE: "done",
    ExitCode.FAILED: "refused or failed, including a file that can't be used",
    ExitCode.USAGE: "wrong usage",
    ExitCode.UNREACHABLE: "the publisher can't be reached",
    ExitCode.NOT_SIGNED_IN: "not signed in",
    ExitCode.DIFFERENT: "there are differences",
    ExitCode.NOT_ENFORCED: "saved, but not enforced on all gateways",
    ExitCode.REJECTED: "a gateway would reject the backend",
    ExitCode.INTERRUPTED: "interrupted",
}
LOCAL = (ExitCode.DONE, ExitCode.FAILED, ExitCode.USAGE, ExitCode.INTERRUPTED)  # of commands that ask no publisher
CLIENT = (*LOCAL, ExitCode.UNREACHABLE, ExitCode.NOT_SIGNED_IN)
WAITING = (*CLIENT, ExitCode.NOT_ENFORCED)  # of commands with --wait


def describe_codes(*codes: ExitCode) -> str:
    """Write what *codes* mean, in their order."""
    return f"Exit codes: {', '.join(f'{int(code)} {MEANINGS[code]}' for code in sorted(codes))}."
