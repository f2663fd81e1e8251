"""
The failures of all APIs of an organization, and the diagnosis of a single request.
"""

from fastapi import APIRouter, Request
from starlette.responses import Response

from holdfast.gateway.failures.access_log import MAX_ID
from holdfast.services.access.context import Context
from holdfast.services.errors import NotFound
from holdfast.services.failures import diagnosis
from holdfast.services.failures.diagnosis import DiagnosedRequest
from holdfast.services.failures.failed_calls import (
    MAX_REJECTIONS_WITHOUT_API,
    MAX_REQUESTS,
    MAX_REQUESTS_OF_BACKEND,
)
from holdfast.services.runtime import Runtime
from holdfast.web.access.session import CurrentRuntime, RequestContext
from holdfast.web.rendering import render, wants_part

router = APIRouter()
PAGE = 50


@router.get("/failures")
def show(
    request: Request, runtime: CurrentRuntime, context: RequestContext, request_id: str = "", page: int = 1
) -> Response:
    """Show the failures or, with *request_id*, why that request failed."""
    wanted = request_id.strip()[:MAX_ID]
    if wanted:
        return render(
            request,
            "failures/request.html",
            context=context,
            section="failures",
            request_id=wanted,
            failure=_find(runtime, context, wanted),
            started_at=runtime.failures.started_at,
            kept=(MAX_REQUESTS_OF_BACKEND, MAX_REQUESTS, MAX_REJECTIONS_WITHOUT_API),
        )
    page = max(page, 1)
    failing, total = diagnosis.list_failures(context, runtime.failures, (page - 1) * PAGE, PAGE)
    return render(
        request,
        "failures/_list.html" if wants_part(request) else "failures/list.html",
        context=context,
        section="failures",
        request_id="",
        failing=failing,
        total=total,
        page=page,
        pages=max(1, -(-total // PAGE)),
        started_at=runtime.failures.started_at,
    )


def _find(runtime: Runtime, context: Context, request_id: str) -> DiagnosedRequest | None:
    try:
        return diagnosis.find_request(context, runtime.failures, request_id)
    except NotFound:
        return None
