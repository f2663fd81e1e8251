"""
Signing in and out.
"""

from ipaddress import ip_address
from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse
from starlette.responses import Response

from holdfast.network.forwarded import get_address
from holdfast.services.access.accounts import SESSION_COOKIE, SESSION_LASTS
from holdfast.services.access.failed_sign_ins import Way
from holdfast.services.access.password_threads import on_password_threads
from holdfast.services.errors import SignInRefused, TooManyAttempts
from holdfast.services.runtime import Runtime
from holdfast.store.access.accounts import User
from holdfast.web.access.session import CurrentRuntime
from holdfast.web.rendering import render

router = APIRouter()


@router.get("/sign-in")
def show(request: Request, next: str = "/") -> Response:  # noqa: A002 - the name in the address
    """Show the sign-in page."""
    return ask(request, next)


@router.post("/sign-in")
@on_password_threads
def sign_in(
    request: Request,
    runtime: CurrentRuntime,
    name: Annotated[str, Form()] = "",
    password: Annotated[str, Form()] = "",
    next: Annotated[str, Form()] = "/",  # noqa: A002 - the name in the form
) -> Response:
    """Start a session and continue to *next*."""
    client, failures = get_address(request), runtime.accounts.failures
    try:
        with failures.watch(Way.PAGE, client, name):
            user = runtime.accounts.authenticate(name, password, client, runtime.now())
            response = RedirectResponse(keep_own_path(next), 303)
            start_session(request, runtime, user, response)
    except SignInRefused as error:
        return ask(request, next, name, str(error), 422)
    except TooManyAttempts as error:
        return ask(request, next, name, str(error), 429)
    return response


def ask(request: Request, path: str, name: str = "", error: str | None = None, status: int = 200) -> Response:
    """Show the sign-in page; after sign-in, the browser continues to *path*."""
    runtime: Runtime = request.app.state.runtime
    sso = runtime.single_sign_on
    return render(
        request,
        "sign_in.html",
        status=status,
        next=path,
        name=name,
        error=error,
        provider=sso.label if sso else None,
        # Where the password of the first user is only concerns who started Holdfast.
        on_this_machine=_is_loopback(get_address(request)),
    )


def _is_loopback(address: str) -> bool:
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return False


def start_session(request: Request, runtime: Runtime, user: User, response: Response) -> None:
    """Start a session for *user*, and set its cookie in *response*. Raises SignInRefused."""
    client = get_address(request)
    agent = request.headers.get("user-agent", "")
    token = runtime.accounts.start_session(user, runtime.now(), client, agent)
    response.set_cookie(
        SESSION_COOKIE,
        token,
        max_age=int(SESSION_LASTS.total_seconds()),
        httponly=True,
        samesite="lax",
        secure=request.url.scheme == "https",
    )


@router.post("/sign-out")
def sign_out(request: Request, runtime: CurrentRuntime) -> Response:
    """End the session."""
    token = request.cookies.get(SESSION_COOKIE)
    if token:
        runtime.accounts.end_session(token, runtime.now(), get_address(request))
    response = RedirectResponse("/sign-in", 303)
    response.delete_cookie(SESSION_COOKIE)
    return response


def keep_own_path(address: str) -> str:
    """Return *address* if it is a path on this host, otherwise /apis: `//host` and `/\\host` lead elsewhere."""
    return address if address.startswith("/") and address[1:2] not in {"/", "\\"} else "/"
