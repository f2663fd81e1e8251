"""
The failures of all APIs of an organization, and the diagnosis of a single request.
"""

from datetime import timedelta
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Form, Request
from starlette.responses import Response

from holdfast.apis.catalog.endpoint import Environment
from holdfast.gateway.failures.access_log import MAX_ID
from holdfast.services.access.context import Context
from holdfast.services.access.permissions import Permission
from holdfast.services.catalog import apis
from holdfast.services.errors import NotFound
from holdfast.services.failures import acknowledgements, diagnosis
from holdfast.services.failures.acknowledgements import LASTS
from holdfast.services.failures.diagnosis import DiagnosedRequest, FailureFilter
from holdfast.services.failures.failed_calls import (
    MAX_REJECTIONS_WITHOUT_API,
    MAX_REQUESTS,
    MAX_REQUESTS_OF_BACKEND,
)
from holdfast.services.runtime import Runtime
from holdfast.web import notices
from holdfast.web.access.session import CurrentRuntime, RequestContext
from holdfast.web.paging import limit_page
from holdfast.web.rendering import render, wants_part

router = APIRouter(prefix="/failures")
PAGE = 50
# What the filter by time offers: minutes since a failure was last seen.
WITHIN = {"": "Any time", "15": "15 minutes", "60": "1 hour", "1440": "1 day", "10080": "7 days"}
_SHOW = {"": None, "open": False, "acknowledged": True}


@router.get("")
def show(
    request: Request,
    runtime: CurrentRuntime,
    context: RequestContext,
    request_id: str = "",
    api: str = "",
    cause: str = "",
    gateway: str = "",
    within: str = "",
    show: str = "",
    page: int = 1,
) -> Response:
    """Show the failures that match the filter or, with *request_id*, why that request failed."""
    request_id = request_id.strip()[:MAX_ID]
    if request_id:
        return _show_request(request, runtime, context, request_id)
    page = limit_page(page)
    within = within if within in WITHIN else ""
    since = context.now - timedelta(minutes=int(within)) if within else None
    criteria = FailureFilter(api, cause, gateway, since, _SHOW.get(show))
    listing = diagnosis.list_failures(context, runtime.failures, criteria, (page - 1) * PAGE, PAGE)
    values = {"api": api, "cause": cause, "gateway": gateway, "within": within, "show": show}
    query = {name: value for name, value in values.items() if value}
    return render(
        request,
        "failures/_list.html" if wants_part(request) else "failures/list.html",
        context=context,
        section="failures",
        request_id="",
        listing=listing,
        api_options=[(option.id, f"{option.name} {option.version}") for option in listing.apis],
        cause_options=[(option, option) for option in listing.causes],
        gateway_options=[(option, option) for option in listing.gateways],
        filters=values,
        query=query,
        address=f"/failures?{urlencode({**query, 'page': page})}",
        within=WITHIN,
        page=page,
        pages=max(1, -(-listing.total // PAGE)),
        lasts=LASTS,
        permission=_find_permission(context),
        started_at=runtime.failures.started_at,
    )


@router.post("/acknowledge")
def acknowledge(
    request: Request,
    runtime: CurrentRuntime,
    context: RequestContext,
    api_id: Annotated[str, Form()],
    environment: Annotated[Environment, Form()],
    withdraw: Annotated[bool, Form()] = False,
) -> Response:
    """Acknowledge the failures of a backend, or *withdraw* that."""
    api = apis.get_api(context, api_id)
    if withdraw:
        acknowledgements.withdraw(context, api_id, environment)
    else:
        acknowledgements.acknowledge(context, runtime.failures, api_id, environment)
    notice = "failure-reopened" if withdraw else "failure-acknowledged"
    return notices.redirect(request, "/failures", notice, f"{api.name} {api.version}")


def _show_request(request: Request, runtime: Runtime, context: Context, request_id: str) -> Response:
    return render(
        request,
        "failures/request.html",
        context=context,
        section="failures",
        request_id=request_id,
        failure=_find(runtime, context, request_id),
        started_at=runtime.failures.started_at,
        limits=(MAX_REQUESTS_OF_BACKEND, MAX_REQUESTS, MAX_REJECTIONS_WITHOUT_API),
    )


def _find(runtime: Runtime, context: Context, request_id: str) -> DiagnosedRequest | None:
    try:
        return diagnosis.find_request(context, runtime.failures, runtime.other_requests, request_id)
    except NotFound:
        return None


def _find_permission(context: Context) -> Permission:
    """Return a permission to acknowledge failures that the user has, if they have one: either of two is enough."""
    return Permission.PUBLISH_APIS if context.user.may(Permission.PUBLISH_APIS) else Permission.CHANGE_APIS
