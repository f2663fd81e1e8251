"""
One's own account: the password, and the sessions of one's browsers.
"""

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse
from starlette.responses import Response

from holdfast.network.forwarded import address_of
from holdfast.refusals import Refusal
from holdfast.services.access import own_account
from holdfast.services.access.accounts import SESSION_COOKIE, hash_token
from holdfast.services.access.password_threads import on_password_threads
from holdfast.services.access.passwords import MIN_PASSWORD
from holdfast.services.access.principal import Principal
from holdfast.services.errors import TooManyAttempts
from holdfast.services.runtime import Runtime
from holdfast.store.access.accounts import SESSION_ID
from holdfast.web.access.session import CurrentRuntime, Visitor
from holdfast.web.access.sign_in import start_session
from holdfast.web.rendering import render

router = APIRouter(prefix="/account")


@router.get("")
def show(request: Request, runtime: CurrentRuntime, who: Visitor) -> Response:
    """Show who one is, and where one has signed in."""
    return _page(request, runtime, who, {})


@router.post("/password")
@on_password_threads
def change_password(
    request: Request,
    runtime: CurrentRuntime,
    who: Visitor,
    current: Annotated[str, Form()] = "",
    new: Annotated[str, Form()] = "",
) -> Response:
    """Change the password, and start a new session here, where all have ended."""
    address = address_of(request)
    try:
        user = own_account.change_password(runtime.store, runtime.accounts, who, current, new, address, runtime.now())
    except Refusal as error:
        return _page(request, runtime, who, error.fields("current"), 422)
    except TooManyAttempts as error:
        return _page(request, runtime, who, {"current": str(error)}, 429)
    response = RedirectResponse("/account?done=password-changed", 303)
    start_session(request, runtime, user, response)
    return response


@router.post("/sessions/{session_id}/revoke")
def revoke_session(runtime: CurrentRuntime, who: Visitor, session_id: str) -> Response:
    """End a session."""
    own_account.revoke_session(runtime.store, who, session_id, runtime.now())
    return RedirectResponse("/account?done=session-ended", 303)


def _page(request: Request, runtime: Runtime, who: Principal, errors: dict[str, str], status: int = 200) -> Response:
    return render(
        request,
        "account/page.html",
        who=who,
        status=status,
        section="account",
        user=own_account.get_account(runtime.store, who),
        sessions=own_account.list_sessions(runtime.store, who, runtime.now()),
        here=hash_token(request.cookies.get(SESSION_COOKIE, ""))[:SESSION_ID],
        errors=errors,
        shortest=MIN_PASSWORD,
    )
