"""
The exit codes of commands.
"""

from enum import IntEnum


class ExitCode(IntEnum):
    """The result of a command, for scripts."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    UNREACHABLE = 3
    NOT_SIGNED_IN = 4
    DIFFERENT = 5
    NOT_ENFORCED = 6
    REJECTED = 7
    STALE = 8
    ATTENTION = 9
    GATEWAY_REJECTED = 10
    INTERRUPTED = 130  # 128 + SIGINT, as shells report it


MEANINGS = {
    ExitCode.DONE: "done",
    ExitCode.FAILED: "failed",
    ExitCode.USAGE: "wrong usage",
    ExitCode.UNREACHABLE: "publisher unreachable",
    ExitCode.NOT_SIGNED_IN: "not signed in",
    ExitCode.DIFFERENT: "differences found",
    ExitCode.NOT_ENFORCED: "saved, but not enforced on all gateways",
    ExitCode.REJECTED: "backend would be rejected",
    ExitCode.STALE: "the plan is stale",
    ExitCode.ATTENTION: "something needs attention",
    ExitCode.GATEWAY_REJECTED: "gateway rejected by its publisher",
    ExitCode.INTERRUPTED: "interrupted",
}
LOCAL = (ExitCode.DONE, ExitCode.FAILED, ExitCode.USAGE, ExitCode.INTERRUPTED)  # commands that don't use a publisher
CLIENT = (*LOCAL, ExitCode.UNREACHABLE, ExitCode.NOT_SIGNED_IN)
WAITING = (*CLIENT, ExitCode.NOT_ENFORCED)  # commands with --wait


def describe_codes(*codes: ExitCode) -> str:
    """Describe *codes*, in ascending order."""
    return f"Exit codes: {', '.join(f'{int(code)} {MEANINGS[code]}' for code in sorted(codes))}."
