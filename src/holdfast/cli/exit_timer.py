"""
A timer that ends the process even if threads are still running.
"""

import os
import threading

THREADS_WITHIN = 5.0  # seconds for threads to end after everything else


def exit_timer(code: int) -> threading.Timer:
    """
    Return a timer, not yet started, that ends the process with *code* after THREADS_WITHIN seconds.

    A running thread can't be stopped, and Python waits for it. Nothing needs its result at that point.
    """
    timer = threading.Timer(THREADS_WITHIN, os._exit, (code,))
    timer.daemon = True
    return timer
