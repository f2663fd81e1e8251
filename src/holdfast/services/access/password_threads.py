"""
A separate pool of threads for verifying and setting passwords, so that no other request waits for a hash.
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
    """Runs work that hashes passwords: at most *threads* at a time, with at most *waiting* more in a queue."""

    def __init__(self, threads: int = THREADS, waiting: int = MAX_WAITING) -> None:
        self._limiter = CapacityLimiter(threads)
        self._waiting = waiting

    async def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run *work* in a thread and return its result. Raises Busy if the queue is full."""
        if self._limiter.statistics().tasks_waiting >= self._waiting:
            raise Busy("Too many people are signing in right now.", BUSY)
        return await to_thread.run_sync(partial(work, *args, **kwargs), limiter=self._limiter)


def on_password_threads(endpoint: Callable[P, T]) -> Callable[P, Awaitable[T]]:
    """Run a handler that has an argument *runtime* on the threads for passwords; it waits without a transaction."""

    @wraps(endpoint)
    async def run(*args: P.args, **kwargs: P.kwargs) -> T:
        runtime: Any = kwargs["runtime"]  # a Runtime; importing it here would be a cycle
        context: Any = kwargs.get("context")  # a Context, if the handler requires sign-in
        if context:
            context.release()
        threads: PasswordThreads = runtime.accounts.threads
        return await threads.run(endpoint, *args, **kwargs)

    return run
