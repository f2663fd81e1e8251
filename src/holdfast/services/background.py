"""
Background tasks: what keeps them running when they fail, and what is known of each.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

import structlog

from holdfast.store.database import Store
from holdfast.store.errors import StoreFailure

log = structlog.get_logger()
FIRST_PAUSE = 0.1  # seconds until a task that failed is started again; doubled each time
LONGEST_PAUSE = 10.0
CALM_AFTER = 30.0  # seconds of running until earlier failures no longer count

Work = Callable[[], Awaitable[object]]


class TaskEnded(RuntimeError):
    """A task that never ends has ended."""


@dataclass(slots=True)
class TaskState:
    """How a task is doing; *error* says why it doesn't run at this moment, empty when it does."""

    name: str
    failures: int = 0  # since the start of the process
    error: str = ""

    def fail(self, error: Exception) -> None:
        """Count a failure."""
        self.failures += 1
        self.error = str(error) or type(error).__name__


class Background:
    """Runs tasks until the block ends, and starts again each that fails. Lives on one event loop."""

    def __init__(self) -> None:
        self._states: list[TaskState] = []
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def states(self) -> tuple[TaskState, ...]:
        """The state of each task, in the order in which they were started."""
        return tuple(self._states)

    @property
    def failing(self) -> list[str]:
        """The names of the tasks that don't run at this moment."""
        return [state.name for state in self._states if state.error]

    def start(self, name: str, work: Work) -> None:
        """Run *work*, which never ends, and run it again with growing pauses whenever it does."""
        state = TaskState(name)
        self._states.append(state)
        self._tasks.append(asyncio.create_task(_keep_running(state, work), name=name))

    async def __aenter__(self) -> "Background":
        """Begin."""
        return self

    async def __aexit__(self, *exception: object) -> None:
        """End all tasks and wait for them."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


def wake_on_write(store: Store) -> asyncio.Event:
    """Make an event of the running loop that each transaction sets once it is kept."""
    event = asyncio.Event()
    wake = partial(asyncio.get_running_loop().call_soon_threadsafe, event.set)

    def listener() -> None:
        with suppress(RuntimeError):  # a loop that was closed has nobody to wake
            wake()

    store.on_write(listener)
    return event


async def _keep_running(state: TaskState, work: Work) -> None:
    loop, pause = asyncio.get_running_loop(), FIRST_PAUSE
    while True:
        began = loop.time()
        try:
            await _run(work)
        except StoreFailure as error:  # says all that is to be said, without a traceback
            state.fail(error)
            log.error("background task failed", task=state.name, reason=state.error)
        except Exception as error:
            state.fail(error)
            log.exception("background task failed", task=state.name)
        if loop.time() - began > CALM_AFTER:
            pause = FIRST_PAUSE
        await asyncio.sleep(pause)
        pause = min(pause * 2, LONGEST_PAUSE)
        state.error = ""


async def _run(work: Work) -> None:
    """Do *work*; raise whatever ends it."""
    try:
        await work()
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task and task.cancelling():
            raise
        raise TaskEnded("Something that it waited for was cancelled.") from error
    raise TaskEnded("It ended, and should not have.")
