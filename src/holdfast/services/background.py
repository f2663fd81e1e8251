"""
Background tasks: restarts them when they fail, and knows the state of each.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

import structlog

from holdfast.store.database import Store
from holdfast.store.errors import StoreFailure, StoreUnreachable
from holdfast.store.topics import Topic

log = structlog.get_logger()
FIRST_PAUSE = 0.1  # seconds before a failed task is restarted; doubled each time
LONGEST_PAUSE = 10.0
UNTIL_REACHABLE = 1.0  # seconds before a task is restarted that couldn't reach the database
# Seconds after a change until tasks that aren't urgent read it, because it is sent to the gateways first.
AFTER_PUBLISHING = 0.2
CALM_AFTER = 30.0  # seconds of running after which earlier failures no longer count

Work = Callable[[], Awaitable[object]]


class TaskEnded(RuntimeError):
    """A task that should never end has ended."""


@dataclass(slots=True)
class TaskState:
    """The state of a task; *error* says why it isn't running, and is empty while it is."""

    name: str
    failures: int = 0  # since the start of the process
    error: str = ""

    def fail(self, error: Exception) -> None:
        """Count a failure."""
        self.failures += 1
        self.error = str(error) or type(error).__name__


class Background:
    """Runs tasks until the block ends, and restarts those that fail. Lives on one event loop."""

    def __init__(self) -> None:
        self._states: list[TaskState] = []
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def states(self) -> tuple[TaskState, ...]:
        """The state of each task, in the order in which they were started."""
        return tuple(self._states)

    @property
    def failing(self) -> list[str]:
        """The names of the tasks that aren't running."""
        return [state.name for state in self._states if state.error]

    def start(self, name: str, work: Work) -> None:
        """Run *work*, which should never end; if it does, restart it, with growing pauses."""
        state = TaskState(name)
        self._states.append(state)
        self._tasks.append(asyncio.create_task(_keep_running(state, work), name=name))

    async def __aenter__(self) -> "Background":
        """Return this object."""
        return self

    async def __aexit__(self, *exception: object) -> None:
        """Cancel all tasks and wait for them to end."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        # The tasks keep what they used, such as gRPC's servers, which must not outlive the event loop.
        self._tasks.clear()


def wake_on_write(store: Store, topic: Topic = Topic.CHANGES) -> asyncio.Event:
    """Return an event of the running loop that each write transaction, or each `note` about *topic*, sets."""
    event = asyncio.Event()
    wake = partial(asyncio.get_running_loop().call_soon_threadsafe, event.set)

    def set_event() -> None:
        with suppress(RuntimeError):  # the loop is closed, so nothing waits
            wake()

    store.on_note(topic, set_event)
    return event


async def _keep_running(state: TaskState, work: Work) -> None:
    loop, pause = asyncio.get_running_loop(), FIRST_PAUSE
    while True:
        began = loop.time()
        try:
            await _run(work)
        except StoreUnreachable as error:  # the store logs it once for all
            state.fail(error)
            pause = UNTIL_REACHABLE
        except StoreFailure as error:  # explains itself without a traceback
            state.fail(error)
            log.error("background task failed", task=state.name, reason=state.error)
        except Exception as error:
            state.fail(error)
            log.exception("background task failed", task=state.name)
        if _is_cancelled():  # *work* was cancelled, and failed while it ended
            raise asyncio.CancelledError
        if loop.time() - began > CALM_AFTER:
            pause = FIRST_PAUSE
        await asyncio.sleep(pause)
        pause = min(pause * 2, LONGEST_PAUSE)
        state.error = ""


async def _run(work: Work) -> None:
    """Run *work* until it ends; always raises."""
    try:
        await work()
    except asyncio.CancelledError as error:
        if _is_cancelled():
            raise
        raise TaskEnded("Something that the task waited for was cancelled.") from error
    raise TaskEnded("The task ended unexpectedly.")


def _is_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
