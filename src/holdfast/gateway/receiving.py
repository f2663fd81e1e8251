"""
The messages of a call of grpc, for a task that can be cancelled at any time.

`grpc.aio` swallows the cancellation of a task that waits for a call's first message, if the call ends at that moment:
it cancels an internal task instead, which ignores that, and then reports the end of the call. A loop that makes the
call again would continue forever.
"""

import asyncio
from collections.abc import AsyncIterable, AsyncIterator
from typing import TypeVar

import grpc.aio

T = TypeVar("T")


async def receive(call: AsyncIterable[T]) -> AsyncIterator[T]:
    """
    Yield the messages of *call*, a stream of `grpc.aio`; if the current task was cancelled, raise CancelledError.

    Raises:
        AioRpcError: The call has failed.
    """
    try:
        async for message in call:
            yield message
    except grpc.aio.AioRpcError:
        _raise_if_cancelled()
        raise
    _raise_if_cancelled()


def _raise_if_cancelled() -> None:
    task = asyncio.current_task()
    if task and task.cancelling():
        raise asyncio.CancelledError
