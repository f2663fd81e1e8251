"""
Sign-in through the identity provider: the redirect to it, and the callback.
"""

from urllib.parse import quote, unquote

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse
from starlette.responses import Response

from holdfast.network.forwarded import get_address
from holdfast.services.access import single_sign_on
from holdfast.services.access.failed_sign_ins import Way
from holdfast.services.access.single_sign_on import SIGN_IN_COOKIE, ProviderResponse, SingleSignOn
from holdfast.services.errors import NotFound, ProviderSignInRefused, SignInRefused, TooManyAttempts
from holdfast.services.runtime import Runtime
from holdfast.web.access.session import CurrentRuntime
from holdfast.web.access.sign_in import ask, keep_own_path, start_session

CALLBACK = "/sign-in/callback"
LASTS = 600  # seconds within which the browser must return
MAX_NEXT = 1_000  # characters
router = APIRouter()


@router.get("/sign-in/provider")
def begin(request: Request, runtime: CurrentRuntime, next: str = "/") -> Response:  # noqa: A002 - the name in the address
    """Redirect to the provider, with a cookie that proves on return that this browser began the sign-in."""
    sso = _get_provider(runtime)
    secret = single_sign_on.generate_secret()
    try:
        url = single_sign_on.begin(sso, secret, _build_redirect_uri(request), runtime.now())
    except ProviderSignInRefused as error:
        return ask(request, next, error=str(error), status=503)
    response = RedirectResponse(url, 303)
    secure = request.url.scheme == "https"
    # Lax, because the browser returns from another site.
    value = f"{secret}.{quote(next[:MAX_NEXT], safe='')}"
    response.set_cookie(SIGN_IN_COOKIE, value, max_age=LASTS, httponly=True, samesite="lax", secure=secure)
    return response


@router.get(CALLBACK)
def finish(
    request: Request,
    runtime: CurrentRuntime,
    state: str = "",
    code: str = "",
    error: str = "",
    iss: str = "",
) -> Response:
    """Start a session for the user who returns from the provider, and continue to the requested page."""
    sso = _get_provider(runtime)
    secret, _, path = request.cookies.get(SIGN_IN_COOKIE, "").partition(".")
    path = keep_own_path(unquote(path))
    address = get_address(request)
    response_of_provider = ProviderResponse(_build_redirect_uri(request), state, code, error, iss)
    attempts = runtime.accounts.attempts
    response: Response
    try:
        with runtime.accounts.failures.watch(Way.SINGLE_SIGN_ON, address):
            user = single_sign_on.finish(
                runtime.store, attempts, sso, secret, response_of_provider, address, runtime.now()
            )
            response = RedirectResponse(path, 303)
            start_session(request, runtime, user, response)
    except (ProviderSignInRefused, SignInRefused) as refusal:
        response = ask(request, path, error=str(refusal), status=403)
    except TooManyAttempts as refusal:
        response = ask(request, path, error=str(refusal), status=429)
    response.delete_cookie(SIGN_IN_COOKIE, httponly=True, samesite="lax")
    return response


def _get_provider(runtime: Runtime) -> SingleSignOn:
    if runtime.single_sign_on is None:
        raise NotFound("identity provider", "of this Holdfast")
    return runtime.single_sign_on


def _build_redirect_uri(request: Request) -> str:
    return str(request.url.replace(path=CALLBACK, query="", fragment=""))
