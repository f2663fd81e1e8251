"""
Ctrl-C while changes are made: the one that has begun is finished, so that it is known what was done.
"""

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

_STOPPING = b"\nStopping after the current change. Press Ctrl-C again to stop at once.\n"


@contextmanager
def deferred_interrupt() -> Iterator[Callable[[], bool]]:
    """
    Give a function that says whether somebody has pressed Ctrl-C; a second Ctrl-C raises KeyboardInterrupt.

    Signals belong to the main thread; elsewhere, nothing changes. Neither does it where SIGINT is ignored, as shells do
    for what runs in the background.
    """
    pressed = threading.Event()
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or before is signal.SIG_IGN:
        yield pressed.is_set
        return

    def note(number: int, frame: FrameType | None) -> None:
        del number, frame
        pressed.set()
        signal.signal(signal.SIGINT, before)
        os.write(sys.__stderr__.fileno() if sys.__stderr__ else 2, _STOPPING)  # print() could be running already

    signal.signal(signal.SIGINT, note)
    try:
        yield pressed.is_set
    finally:
        signal.signal(signal.SIGINT, before)
