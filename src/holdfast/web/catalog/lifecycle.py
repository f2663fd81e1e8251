"""
The lifecycle of an API.
"""

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse
from starlette.responses import Response

from holdfast.apis.catalog.lifecycle import State, transitions_from
from holdfast.apis.errors import TransitionRefused
from holdfast.services.access.context import Context
from holdfast.services.catalog import apis, lifecycle
from holdfast.web.access.session import RequestContext
from holdfast.web.rendering import render

router = APIRouter()


@router.get("/apis/{api_id}/lifecycle")
def show(request: Request, context: RequestContext, api_id: str) -> Response:
    """Show the state and what leads on."""
    return _show_page(request, context, api_id)


@router.post("/apis/{api_id}/lifecycle")
def change(request: Request, context: RequestContext, api_id: str, action: Annotated[str, Form()] = "") -> Response:
    """Take an action."""
    try:
        lifecycle.change_lifecycle(context, api_id, action)
    except TransitionRefused as error:
        return _show_page(request, context, api_id, str(error))
    return RedirectResponse(f"/apis/{api_id}/lifecycle?done=lifecycle-changed", 303)


def _show_page(request: Request, context: Context, api_id: str, error: str = "") -> Response:
    api = apis.get_api(context, api_id)
    return render(
        request,
        "api/lifecycle.html",
        context=context,
        status=422 if error else 200,
        api=api,
        page="lifecycle",
        states=list(State),
        transitions=transitions_from(api.state),
        error=error,
    )
