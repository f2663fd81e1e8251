"""
The enforcement state and the failures of an API, as server-sent events or as a single response.
"""

from collections.abc import Mapping
from functools import partial

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response

from holdfast.apis.catalog.api import Api
from holdfast.apis.enforcement import ApiCallers
from holdfast.services.access.context import Context
from holdfast.services.catalog import apis
from holdfast.services.failures.diagnosis import name_endpoint
from holdfast.services.failures.failure import Failure
from holdfast.services.revisions.origins import list_revision_origins
from holdfast.services.runtime import Runtime
from holdfast.web.access.session import CurrentRuntime, RequestContext
from holdfast.web.actions import find_button
from holdfast.web.live_events import stream_state
from holdfast.web.members import read_failures
from holdfast.web.rendering import describe_difference, describe_sightings

router = APIRouter(prefix="/apis/{api_id}")


@router.get("/enforcement")
def show_enforcement(runtime: CurrentRuntime, context: RequestContext, api_id: str) -> Response:
    """Return the current state, for browsers without events."""
    return JSONResponse(collect_state(runtime, api_id, context))


@router.get("/enforcement/live")
async def stream_enforcement(
    request: Request, runtime: CurrentRuntime, context: RequestContext, api_id: str
) -> Response:
    """Send the state now and after every change, until the browser disconnects or the session ends."""
    await run_in_threadpool(apis.get_api, context, api_id)
    return stream_state(request, runtime, context.user, partial(collect_state, runtime, api_id))


def collect_state(runtime: Runtime, api_id: str, context: Context) -> dict[str, dict[str, Mapping[str, str | bool]]]:
    """Return the enforcement by origin and the failures by the endpoint's name, as texts. Raises NotFound."""
    api = apis.get_api(context, api_id)
    origins = {str(endpoint.origin) for endpoint in api.endpoints} | list_revision_origins(context, api).keys()
    enforcements = runtime.enforcements.find_by_origin(context, origins)
    if api.requires_certificate:
        enforcements[api.id] = runtime.enforcements.find(context, ApiCallers(api.id))
    return {
        "enforcement": {
            origin: {"progress": enforcement.progress, "text": enforcement.describe(api.unserved_text)}
            for origin, enforcement in enforcements.items()
        },
        "failures": {
            name: _write_failure(failure, api, context) for name, failure in read_failures(runtime, api).items()
        },
    }


def _write_failure(failure: Failure, api: Api, context: Context) -> dict[str, str | bool]:
    button = find_button(failure.latest, name_endpoint(failure.latest, api), context.user)
    return {
        "sentence": failure.explanation.sentence,
        "remedy": failure.explanation.remedy,
        "difference": describe_difference(failure),
        "seen": describe_sightings(failure),
        "help": f"/help/reference/causes/#{failure.cause}",
        "action": button.label if button else "",
        "target": button.path if button else "",
        "opens_dialog": button is not None and button.is_dialog,
    }
