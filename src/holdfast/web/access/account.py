"""
The page on which users change their password and sign out their browsers.
"""

from contextlib import suppress
from typing import Annotated

from fastapi import APIRouter, Form, Request
from starlette.responses import Response

from holdfast.network.forwarded import get_address
from holdfast.refusals import Refusal
from holdfast.services.access import own_account
from holdfast.services.access.accounts import SESSION_COOKIE, hash_token
from holdfast.services.access.context import Context
from holdfast.services.access.password_threads import on_password_threads
from holdfast.services.access.passwords import MIN_PASSWORD
from holdfast.services.errors import SignInRefused, TooManyAttempts
from holdfast.store.access.accounts import SESSION_ID
from holdfast.web import notices
from holdfast.web.access.session import CurrentRuntime, RequestContext
from holdfast.web.access.sign_in import start_session
from holdfast.web.access.user_agents import describe_agent
from holdfast.web.rendering import render

router = APIRouter(prefix="/account")


@router.get("")
def show(request: Request, context: RequestContext) -> Response:
    """Show the user's roles and sessions."""
    return _show_page(request, context, {})


@router.post("/password")
@on_password_threads
def change_password(
    request: Request,
    runtime: CurrentRuntime,
    context: RequestContext,
    current: Annotated[str, Form()] = "",
    new: Annotated[str, Form()] = "",
) -> Response:
    """Change the password, which ends all sessions, and start a new session in this browser."""
    address = get_address(request)
    try:
        user = own_account.change_password(context, runtime.accounts, current, new, address)
    except Refusal as error:
        return _show_page(request, context, error.map_to_fields("current"), 422)
    except TooManyAttempts as error:
        return _show_page(request, context, {"current": str(error)}, 429)
    response = notices.redirect(request, "/account", "password-changed", user.name)
    with suppress(SignInRefused):  # an admin has just reset it, so the browser has to sign in again
        start_session(request, runtime, user, response)
    return response


@router.post("/sessions/revoke")
def revoke_other_sessions(request: Request, context: RequestContext) -> Response:
    """End all sessions except this browser's."""
    own_account.revoke_other_sessions(context, _read_session_id(request))
    return notices.redirect(request, "/account", "sessions-ended")


@router.post("/sessions/{session_id}/revoke")
def revoke_session(request: Request, context: RequestContext, session_id: str) -> Response:
    """End a session."""
    own_account.revoke_session(context, session_id)
    return notices.redirect(request, "/account", "session-ended")


def _read_session_id(request: Request) -> str:
    return hash_token(request.cookies.get(SESSION_COOKIE, ""))[:SESSION_ID]


def _show_page(request: Request, context: Context, errors: dict[str, str], status: int = 200) -> Response:
    return render(
        request,
        "account/page.html",
        context=context,
        status=status,
        section="account",
        account=own_account.get_account(context),
        sessions=own_account.list_sessions(context),
        here=_read_session_id(request),
        describe_agent=describe_agent,
        errors=errors,
        shortest=MIN_PASSWORD,
    )
