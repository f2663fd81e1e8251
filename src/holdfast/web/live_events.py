"""
Server-sent events of pages that show a state while it changes.
"""

import asyncio
import json
from collections.abc import AsyncGenerator, Callable
from functools import partial
from typing import Any

from fastapi import Request
from fastapi.responses import StreamingResponse
from starlette.responses import Response

from holdfast.refusals import Busy
from holdfast.services.access.context import Context
from holdfast.services.access.principal import Principal
from holdfast.services.errors import NotFound
from holdfast.services.runtime import Runtime
from holdfast.store.request_store import RequestStore
from holdfast.web.access.session import NotSignedIn, authenticate
from holdfast.web.navigation import count_failures

# A regular comment detects that the browser is gone or the session has ended.
HEARTBEAT = 15.0  # seconds
MAX_STREAMS = 20  # per user
SECONDS = 30  # until the browser should retry
SOON = 0.03  # seconds for which changes are collected: most gateways have acknowledged a change by then
UNBUFFERED = {"X-Accel-Buffering": "no"}  # otherwise nginx keeps events back until they fill a buffer
Read = Callable[[Context], Any]
"""Returns the state as a JSON value. Raises NotFound if there is nothing to show anymore."""


def stream_state(request: Request, runtime: Runtime, user: Principal, read_state: Read, pause: float = 0.0) -> Response:
    """
    Send the state now and after every change, at most every *pause* seconds, until the browser or the session is gone.

    Each event also has the number in the badge of *Failures*, which is on every page.

    Raises Busy if the user has too many live pages open.
    """
    if runtime.live_pages[user.account] >= MAX_STREAMS:
        raise Busy(f"You have {MAX_STREAMS} live pages open, the maximum. Close some of them.", SECONDS)
    events = write_events(request, runtime, user, read_state, pause)
    return StreamingResponse(events, media_type="text/event-stream", headers=UNBUFFERED)


async def write_events(
    request: Request, runtime: Runtime, user: Principal, read_state: Read, pause: float = 0.0
) -> AsyncGenerator[str, None]:
    """Yield the events of `stream_state`."""
    observer = runtime.groups.observe()
    runtime.live_pages[user.account] += 1
    latest = None
    try:
        while True:
            observer.clear()
            event = await runtime.live_reads.run(partial(_read_event, runtime, user, read_state))
            if event != latest:
                latest = event
                yield f"data: {json.dumps(event)}\n\n"
                await asyncio.sleep(pause)
            try:
                async with asyncio.timeout(HEARTBEAT):
                    await observer.wait()
                await asyncio.sleep(SOON)
            except TimeoutError:
                await asyncio.to_thread(authenticate, runtime, runtime.store, request)
                yield ": still here\n\n"
    except (NotSignedIn, NotFound):
        return
    finally:
        runtime.groups.stop_observing(observer)
        runtime.live_pages[user.account] -= 1
        if not runtime.live_pages[user.account]:
            del runtime.live_pages[user.account]


def _read_event(runtime: Runtime, user: Principal, read_state: Read) -> dict[str, Any]:
    """Read the current state in a separate transaction, so that none stays open until the next change."""
    with RequestStore(runtime.store) as store:
        context = Context(store, user, runtime.now(), runtime.asks_callers)
        return {"state": read_state(context), "failing": count_failures(runtime, context)}
