"""
The process of a gateway's agent. It outlives the command that started it, and loads little, to stay small.

    python -m holdfast.cli.server.agent_process --data=/var/lib/holdfast/gateway
"""

import os
import sys
import warnings
from collections.abc import Iterable
from typing import NoReturn

from holdfast.cli.exit_timer import exit_timer
from holdfast.cli.failures import CommandFailed
from holdfast.cli.server.preparation import prepare_process
from holdfast.cli.terminal.streams import repair_streams
from holdfast.cli.terminal.text import make_plain
from holdfast.gateway.agent.environment import ENVIRONMENT
from holdfast.work.garbage import pause_collection

# structlog imports these if they are installed: for tracebacks on a terminal, for Windows, and for greenlets. An agent
# needs none of them, and together they take 7 MB.
UNUSED = ("rich", "colorama", "greenlet")


def become_agent(arguments: Iterable[str]) -> NoReturn:
    """Replace this process by an agent with *arguments*, see `AgentOptions`. The process ID stays."""
    sys.stdout.flush()
    os.execve(sys.executable, [sys.executable, "-m", __name__, *arguments], ENVIRONMENT | os.environ)  # noqa: S606


def main() -> int:
    """Run an agent with the arguments of this process; return the exit code."""
    warnings.filterwarnings("ignore", module=r"holdfast\.")  # as `holdfast.cli.main`
    prepare_process()
    for name in UNUSED:
        sys.modules[name] = None  # type: ignore[assignment]  # Python's way to say that there is none
    with pause_collection():
        from holdfast.cli.server.agent import serve
        from holdfast.cli.server.agent_options import read_options
    try:
        serve(read_options(sys.argv[1:]))
    except CommandFailed as error:
        sys.stderr.write(f"holdfast: {make_plain(str(error), lines=True)}\n")
        return int(error.code)
    return 0


if __name__ == "__main__":
    repair_streams()
    code = main()
    exit_timer(code).start()
    sys.exit(code)
