"""
Work in threads that must end before the task that waits for it.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from typing import TypeVar

T = TypeVar("T")


async def run_to_end(thread: Executor | None, work: Callable[[], T]) -> T:
    """
    Run *work* in *thread* (None: a shared one), and wait for its end even if the task is cancelled.

    So it neither outlives what it uses, such as the store, nor runs next to its successor.
    """
    running = asyncio.get_running_loop().run_in_executor(thread, work)
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.wait([running])
        raise
