"""
Signals to the servers: the first SIGINT or SIGTERM stops in order, the second one at once.
"""

import asyncio
import signal
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, TypeVar

from holdfast.cli.exit_timer import exit_timer
from holdfast.network.sockets import has_terminal
from holdfast.server.logs import log_everything, standard_error_as_log

T = TypeVar("T")


def tell(text: str) -> None:
    """Print a line; a closed pipe is ignored."""
    with suppress(OSError):
        print(text, flush=True)


def run_until_stopped(work: Coroutine[Any, Any, T], hangup: asyncio.Event | None = None) -> T | None:
    """
    Run *work* until it ends or a signal arrives; running threads delay the exit only for a short time.

    SIGHUP sets *hangup*.
    """
    log_everything()
    timer = exit_timer(0)
    try:
        with standard_error_as_log():
            return asyncio.run(_run_until_signal(work, timer.start, hangup or asyncio.Event()))
    finally:
        timer.cancel()


async def _run_until_signal(
    work: Coroutine[Any, Any, T], on_end: Callable[[], None], hangup: asyncio.Event
) -> T | None:
    """Run *work*, then call *on_end*. A second signal also ends the wait for requests in flight."""
    loop, task = asyncio.get_running_loop(), asyncio.create_task(work)
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, _stop, task)
    before = signal.getsignal(signal.SIGHUP)
    loop.add_signal_handler(signal.SIGHUP, _hang_up, task, hangup, has_terminal())
    try:
        return await task
    except asyncio.CancelledError:
        return None
    finally:
        on_end()
        loop.remove_signal_handler(signal.SIGHUP)
        signal.signal(signal.SIGHUP, before)  # the default would end the process during cleanup


def _stop(task: "asyncio.Task[T]") -> None:
    is_first = not task.cancelling()
    task.cancel()
    if is_first:
        tell("Stopping: waiting for requests in flight. Press Ctrl-C again to stop at once.")


def _hang_up(task: "asyncio.Task[T]", hangup: asyncio.Event, had_terminal: bool) -> None:
    """Stop if the terminal was closed; otherwise reload files."""
    if had_terminal and not has_terminal():
        task.cancel()
    else:
        hangup.set()
