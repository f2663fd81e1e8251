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
from holdfast.cli.server.preparation import loading, prepare_process
from holdfast.cli.terminal.streams import repair_streams
from holdfast.cli.terminal.text import make_plain


def become_agent(arguments: Iterable[str]) -> NoReturn:
    """Replace this process by an agent with *arguments*, see `AgentOptions`. The process ID stays."""
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-m", __name__, *arguments])  # noqa: S606


def main() -> int:
    """Run an agent with the arguments of this process; return the exit code."""
    warnings.filterwarnings("ignore", module=r"holdfast\.")  # as `holdfast.cli.main`
    prepare_process()
    # structlog imports rich, if there is one, for tracebacks on a terminal; an agent's are JSON. It takes 5 MB.
    sys.modules["rich"] = None  # type: ignore[assignment]  # Python's way to say that there is none
    with loading():
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
