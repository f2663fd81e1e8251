"""
The page for the lifecycle of an API.
"""

from typing import Annotated

from fastapi import APIRouter, Form, Request
from starlette.responses import Response

from holdfast.apis.catalog.lifecycle import State, transitions_from
from holdfast.apis.errors import TransitionRefused
from holdfast.services.access.context import Context
from holdfast.services.catalog import apis, lifecycle
from holdfast.web import notices
from holdfast.web.access.session import RequestContext
from holdfast.web.rendering import render

router = APIRouter()


@router.get("/apis/{api_id}/lifecycle")
def show(request: Request, context: RequestContext, api_id: str) -> Response:
    """Show the state and the possible actions."""
    return _show_page(request, context, api_id)


@router.post("/apis/{api_id}/lifecycle")
def change(request: Request, context: RequestContext, api_id: str, action: Annotated[str, Form()] = "") -> Response:
    """Change the state by an action."""
    try:
        api = lifecycle.change_lifecycle(context, api_id, action)
    except TransitionRefused as error:
        return _show_page(request, context, api_id, str(error))
    return notices.redirect(
        request, f"/apis/{api_id}/lifecycle", f"lifecycle-{api.state.value.lower()}", f"{api.name} {api.version}"
    )


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
