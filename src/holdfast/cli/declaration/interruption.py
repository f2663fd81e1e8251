"""
Handles Ctrl-C during changes: the current change is finished, so that its result is known.
"""

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

_STOPPING = b"\nStopping after the current change. Press Ctrl-C again to stop immediately.\n"


@contextmanager
def defer_interrupt() -> Iterator[Callable[[], bool]]:
    """
    Yield a function that returns whether the user has pressed Ctrl-C; a second Ctrl-C raises KeyboardInterrupt.

    Has no effect outside the main thread, which handles signals, or if SIGINT is ignored, as shells do for background
    jobs.
    """
    interrupt = threading.Event()
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or before is signal.SIG_IGN:
        yield interrupt.is_set
        return

    def note(number: int, frame: FrameType | None) -> None:
        del number, frame
        interrupt.set()
        signal.signal(signal.SIGINT, before)
        os.write(
            sys.__stderr__.fileno() if sys.__stderr__ else 2, _STOPPING
        )  # the signal could have interrupted print()

    signal.signal(signal.SIGINT, note)
    try:
        yield interrupt.is_set
    finally:
        signal.signal(signal.SIGINT, before)
