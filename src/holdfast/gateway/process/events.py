"""
Waiting for one of several events.
"""

import asyncio


async def wait_for_one(*events: asyncio.Event) -> None:
    """Wait until at least one of *events* is set."""
    waiting = [asyncio.create_task(event.wait()) for event in events]
    try:
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in waiting:
            task.cancel()
