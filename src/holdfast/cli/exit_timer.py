"""
The end of the process, which threads that still compute don't hold up.
"""

import os
import threading

THREADS_WITHIN = 5.0  # seconds for threads to end after everything else has


def exit_timer(code: int) -> threading.Timer:
    """
    Make a timer, not started yet, that ends the process with *code* after THREADS_WITHIN seconds.

    A thread that computes can't be stopped, and Python waits for it. Once all is closed, nobody needs its result.
    """
    timer = threading.Timer(THREADS_WITHIN, os._exit, (code,))
    timer.daemon = True
    return timer
