"""Background tasks are restarted when they fail, and report their state."""

import asyncio

import pytest
from structlog.testing import capture_logs

from holdfast.services.background import FIRST_PAUSE, LONGEST_PAUSE, Background
from services.control_plane import PATIENCE, advance, play


class Task:
    """A task whose runs report that they began, and wait for the test to end them."""

    def __init__(self):
        self.runs: asyncio.Queue[asyncio.Future[None]] = asyncio.Queue()
        self.cancelled = 0

    async def work(self):
        ending = asyncio.get_running_loop().create_future()
        self.runs.put_nowait(ending)
        try:
            await ending
        except asyncio.CancelledError:
            self.cancelled += 1
            raise

    async def run(self):
        """Wait for a run to begin, and return the future that ends it."""
        return await asyncio.wait_for(self.runs.get(), PATIENCE)


async def until_failing(background):
    async with asyncio.timeout(PATIENCE):
        while not background.failing:  # noqa: ASYNC110 - a state has no event
            await asyncio.sleep(0)


ENDS = [
    (lambda run: run.set_exception(OSError("no such luck")), "no such luck"),
    (lambda run: run.set_exception(KeyError()), "KeyError"),
    (lambda run: run.set_result(None), "The task ended unexpectedly."),
    (lambda run: run.cancel(), "Something that the task waited for was cancelled."),
]


@pytest.mark.parametrize(("end", "reason"), ENDS, ids=[reason for _, reason in ENDS])
def test_a_task_that_ends_is_logged_reported_and_restarted(end, reason):
    async def story():
        task, other = Task(), Task()
        async with Background() as background:
            background.start("first", task.work)
            background.start("second", other.work)
            end(await task.run())
            with capture_logs() as logs:
                await until_failing(background)
            states = [(state.name, state.failures, state.error) for state in background.states]
            advance(FIRST_PAUSE)
            await task.run()
            assert background.failing == []
            return logs, states

    logs, states = play(story())
    assert states == [("first", 1, reason), ("second", 0, "")]
    assert [(entry["event"], entry["task"], entry["exc_info"]) for entry in logs] == [
        ("background task failed", "first", True)
    ]


def test_pauses_grow_to_a_limit_while_a_task_keeps_failing():
    async def story():
        task = Task()
        async with Background() as background:
            background.start("task", task.work)
            pause = FIRST_PAUSE
            for _ in range(12):
                (await task.run()).set_exception(OSError("again"))
                await until_failing(background)
                advance(pause / 2)  # as long as the pause before
                await asyncio.sleep(0)
                await asyncio.sleep(0)
                assert task.runs.empty()
                advance(pause / 2)
                pause = min(pause * 2, LONGEST_PAUSE)
            await task.run()
            return background.states[0].failures

    with capture_logs():
        assert play(story()) == 12


def test_all_tasks_end_with_the_block():
    async def story():
        tasks = [Task(), Task()]
        async with Background() as background:
            for number, task in enumerate(tasks):
                background.start(str(number), task.work)
                await task.run()
        return [task.cancelled for task in tasks]

    assert play(story()) == [1, 1]


def test_a_task_that_fails_when_it_is_cancelled_ends_with_the_block():
    async def story():
        task = Task()

        async def work():
            try:
                await task.work()
            except asyncio.CancelledError:
                if task.cancelled == 1:
                    raise OSError("no such luck") from None
                raise

        async with asyncio.timeout(PATIENCE), Background() as background:
            background.start("task", work)
            await task.run()
        return task.cancelled, background.states[0].failures

    with capture_logs():
        assert play(story()) == (1, 1)
