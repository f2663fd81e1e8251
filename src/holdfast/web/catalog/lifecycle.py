"""
The page for the lifecycle of an API, and the dialogs that ask before callers are affected.
"""

from typing import Annotated

from fastapi import APIRouter, Form, Request
from starlette.responses import Response

from holdfast.apis.catalog.api import Api
from holdfast.apis.catalog.lifecycle import State, list_transitions, transit
from holdfast.apis.errors import TransitionRefused
from holdfast.services.access.context import Context
from holdfast.services.catalog import apis, lifecycle
from holdfast.services.catalog.default_versions import find_fallback
from holdfast.web import dialog, notices
from holdfast.web.access.session import RequestContext
from holdfast.web.rendering import render

router = APIRouter(prefix="/apis/{api_id}/lifecycle")
ASKS = ("Demote to Created", "Block", "Deprecate", "Retire")  # actions that a dialog explains first
GOALS = ("Publish", "Re-Publish")  # what most users come for; their buttons stand out
NAMED = "Retire"  # is final, so the user types the name of the API


@router.get("")
def show(request: Request, context: RequestContext, api_id: str) -> Response:
    """Show the state and the possible actions."""
    return _show_page(request, context, api_id)


@router.get("/confirm")
def ask(request: Request, context: RequestContext, api_id: str, action: str = "") -> Response:
    """Explain what an action does to callers, and ask for confirmation."""
    api = apis.get_api(context, api_id)
    try:
        transit(api.state, action)
    except TransitionRefused as error:
        return _show_page(request, context, api_id, str(error))
    return _ask(request, context, api, action)


@router.post("")
def change(
    request: Request,
    context: RequestContext,
    api_id: str,
    action: Annotated[str, Form()] = "",
    confirmation: Annotated[str, Form()] = "",
) -> Response:
    """Change the state by an action; to retire an API, *confirmation* has to be its name."""
    api = apis.get_api(context, api_id)
    if action == NAMED and action in list_transitions(api.state) and confirmation.strip() != api.name:
        return _ask(request, context, api, action, f"Type {api.name} to retire it.")
    try:
        api = lifecycle.change_lifecycle(context, api_id, action)
    except TransitionRefused as error:
        return _show_page(request, context, api_id, str(error))
    return notices.redirect(
        request, f"/apis/{api_id}/lifecycle", f"lifecycle-{api.state.value.lower()}", f"{api.name} {api.version}"
    )


def _ask(request: Request, context: Context, api: Api, action: str, error: str = "") -> Response:
    return dialog.show(
        request,
        context,
        "api/_lifecycle.html",
        title=action,
        fields=("confirmation",),
        errors={"confirmation": error} if error else None,
        api=api,
        page="lifecycle",
        action=action,
        needs_name=action == NAMED,
        fallback=find_fallback(context, api),
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
        transitions=list_transitions(api.state),
        asks=ASKS,
        goals=GOALS,
        error=error,
    )
