"""Work takes only its share of the time."""

import asyncio
import threading

import pytest

from holdfast.work.pace import Pace
from services.control_plane import advance, play


async def let_run() -> None:
    """Let other tasks run until they wait for something."""
    for _ in range(10):
        await asyncio.sleep(0)


def test_work_whose_share_is_a_quarter_is_followed_by_a_rest_three_times_as_long():
    async def story():
        results: list[int] = []
        pace = Pace(0.25, lambda: 1000.0 * len(results))

        def work() -> None:
            results.append(1)

        with pytest.raises(ZeroDivisionError):  # which counts as well
            await pace.run(lambda: work() or 1 / 0)
        others = [asyncio.create_task(pace.run(work)) for _ in range(2)]
        await let_run()
        advance(2500)
        await let_run()
        waits = len(results)
        advance(500)
        await others[0]
        await let_run()
        waits_again = len(results)
        advance(3000)
        await others[1]
        return waits, waits_again, len(results)

    assert play(story()) == (1, 2, 3)


def test_work_runs_one_after_another_in_order_of_arrival():
    async def story():
        pace, begin, results = Pace(1), threading.Event(), []
        first = asyncio.create_task(pace.run(lambda: results.append(begin.wait(30))))
        others = [asyncio.create_task(pace.run(lambda number=number: results.append(number))) for number in range(3)]
        await let_run()
        others[1].cancel()
        before = results.copy()
        begin.set()
        await asyncio.gather(first, *others, return_exceptions=True)
        return before, results

    assert play(story()) == ([], [True, 0, 2])
