"""
The threads that check and set passwords: their own, so that requests of those who have signed in never wait for a hash.
"""

from collections.abc import Awaitable, Callable
from functools import partial, wraps
from typing import Any, ParamSpec, TypeVar

from anyio import CapacityLimiter, to_thread

from holdfast.refusals import Busy

THREADS = 8  # more than hashes at once: some wait for the database
MAX_WAITING = 64
BUSY = 2  # seconds until the next attempt
P = ParamSpec("P")
T = TypeVar("T")


class PasswordThreads:
    """Runs what hashes passwords; *threads* at a time, and as many as *waiting* wait without a thread."""

    def __init__(self, threads: int = THREADS, waiting: int = MAX_WAITING) -> None:
        self._limiter = CapacityLimiter(threads)
        self._waiting = waiting

    async def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run *work* in a thread and give its result. Raises Busy: too many wait already."""
        if self._limiter.statistics().tasks_waiting >= self._waiting:
            raise Busy("Too many people are signing in at this moment.", BUSY)
        return await to_thread.run_sync(partial(work, *args, **kwargs), limiter=self._limiter)


def on_password_threads(endpoint: Callable[P, T]) -> Callable[P, Awaitable[T]]:
    """Let a handler with an argument *runtime* work on the threads for passwords; it waits in no transaction."""

    @wraps(endpoint)
    async def run(*args: P.args, **kwargs: P.kwargs) -> T:
        runtime: Any = kwargs["runtime"]  # a Runtime, which this module is a part of
        context: Any = kwargs.get("context")  # a Context, of those who have signed in
        if context:
            context.release()
        threads: PasswordThreads = runtime.accounts.threads
        return await threads.run(endpoint, *args, **kwargs)

    return run
