"""
The `holdfast` command.

`up` and `demo` run Holdfast; most other commands are REST clients of a running one.
"""

import warnings

from holdfast.cli.exit_timer import exit_timer
from holdfast.cli.terminal.streams import repair_streams


def main() -> None:
    """Run the command, and print failures as messages."""
    # An invalid serial number is a finding, so hide the warning that `cryptography` prints each time. The filter is for
    # the whole process, because `warnings.catch_warnings` isn't safe in threads.
    warnings.filterwarnings("ignore", module=r"holdfast\.")
    # A gateway's agent, which is part of this package, doesn't need Typer and pydantic, which take 20 MB.
    from holdfast.cli.app import app

    app()


def main_in_own_process() -> None:
    """Run the command and end the process, even if threads are still running."""
    repair_streams()
    try:
        main()
    except SystemExit as ended:
        exit_timer(ended.code if isinstance(ended.code, int) else int(ended.code is not None)).start()
        raise
