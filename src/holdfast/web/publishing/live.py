"""
The enforcement state and the failures of an API, as server-sent events or as a single response.
"""

import asyncio
import json
from collections.abc import AsyncIterator

from fastapi import APIRouter, Request
from fastapi.responses import StreamingResponse
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response

from holdfast.apis.catalog.api import Api
from holdfast.apis.catalog.endpoint import Endpoint
from holdfast.apis.enforcement import ApiCallers
from holdfast.refusals import Busy
from holdfast.services.access.context import Context
from holdfast.services.access.principal import Principal
from holdfast.services.catalog import apis
from holdfast.services.errors import NotFound
from holdfast.services.failures.failures import Failure
from holdfast.services.runtime import Runtime
from holdfast.store.request_store import RequestStore
from holdfast.web.access.session import CurrentRuntime, NotSignedIn, RequestContext, user_of_request
from holdfast.web.actions import find_button
from holdfast.web.rendering import describe_difference, describe_sightings

router = APIRouter(prefix="/apis/{api_id}")
# A regular comment detects that the browser is gone or the session has ended.
HEARTBEAT = 15.0  # seconds
MAX_STREAMS = 20  # per user
SECONDS = 30  # until the browser should retry


@router.get("/enforcement")
def show_enforcement(runtime: CurrentRuntime, context: RequestContext, api_id: str) -> Response:
    """Return the current state, for browsers without events."""
    return JSONResponse(_collect_state(runtime, context, apis.get_api(context, api_id)))


@router.get("/enforcement/live")
async def stream_enforcement(
    request: Request, runtime: CurrentRuntime, context: RequestContext, api_id: str
) -> Response:
    """Send the state now and after every change, until the browser disconnects or the session ends."""
    if runtime.live_pages[context.user.account] >= MAX_STREAMS:
        raise Busy(f"You have {MAX_STREAMS} live pages open, the maximum. Close some of them.", SECONDS)
    await run_in_threadpool(apis.get_api, context, api_id)
    return StreamingResponse(_write_events(request, runtime, context.user, api_id), media_type="text/event-stream")


async def _write_events(request: Request, runtime: Runtime, user: Principal, api_id: str) -> AsyncIterator[str]:
    observer = runtime.groups.observe()
    runtime.live_pages[user.account] += 1
    latest = None
    try:
        while True:
            observer.clear()
            state = await asyncio.to_thread(_read_state, runtime, user, api_id)
            if state != latest:
                latest = state
                yield f"data: {json.dumps(state)}\n\n"
            try:
                async with asyncio.timeout(HEARTBEAT):
                    await observer.wait()
            except TimeoutError:
                await asyncio.to_thread(user_of_request, runtime, runtime.store, request)
                yield ": still here\n\n"
    except (NotSignedIn, NotFound):
        return  # the session has ended, or the API was deleted
    finally:
        runtime.groups.stop_observing(observer)
        runtime.live_pages[user.account] -= 1
        if not runtime.live_pages[user.account]:
            del runtime.live_pages[user.account]


def _read_state(runtime: Runtime, user: Principal, api_id: str) -> dict[str, dict[str, dict[str, str]]]:
    """Read the current state in a separate transaction, so that none stays open until the next change."""
    with RequestStore(runtime.store) as store:
        context = Context(store, user, runtime.now(), runtime.asks_callers)
        return _collect_state(runtime, context, apis.get_api(context, api_id))


def _collect_state(runtime: Runtime, context: Context, api: Api) -> dict[str, dict[str, dict[str, str]]]:
    origins = {str(endpoint.origin) for endpoint in api.endpoints}
    enforcements = runtime.enforcements.of_origins(context, origins)
    if api.requires_certificate:
        enforcements[api.id] = runtime.enforcements.of(context, ApiCallers(api.id))
    return {
        "enforcement": {
            origin: {"progress": enforcement.progress, "text": str(enforcement)}
            for origin, enforcement in enforcements.items()
        },
        "failures": {
            environment: _write_failure(failure, api.endpoint(environment), context)
            for environment, failure in runtime.failures.of(api).items()
        },
    }


def _write_failure(failure: Failure, endpoint: Endpoint | None, context: Context) -> dict[str, str]:
    button = find_button(failure.latest, endpoint.url if endpoint else "", context.user)
    return {
        "sentence": failure.explanation.sentence,
        "remedy": failure.explanation.remedy,
        "difference": describe_difference(failure),
        "seen": describe_sightings(failure),
        "help": f"/help/reference/causes/#{failure.cause}",
        "action": button.label if button else "",
        "target": button.path if button else "",
    }
