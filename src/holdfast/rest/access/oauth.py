"""
`/client-registration` and `/oauth2`: tokens for applications, compatible with WSO2 (RFC 6749, 6750, 7009).
"""

import base64
import json
from typing import Annotated, Any
from urllib.parse import unquote_plus

from fastapi import Form, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool

from holdfast.apis.errors import InvalidField
from holdfast.network.forwarded import get_address
from holdfast.rest.authentication import CurrentRuntime, RequestContext
from holdfast.rest.router import Router
from holdfast.services.access import oauth
from holdfast.services.access.oauth import ACCESS_LASTS, Grant, GrantRefused, TokenGrant, TokenRequest
from holdfast.services.errors import TooManyAttempts
from holdfast.services.runtime import Runtime
from holdfast.store.access.tokens import Application
from holdfast.store.errors import StoreUnreachable, write_public_text

REGISTRATION = "/client-registration/v0.17/register"
TOKEN, REVOKE = "/oauth2/token", "/oauth2/revoke"
registration = Router(tags=["Tokens"])
# These two ignore unknown parameters (RFC 6749, sections 3.1 and 3.2).
router = Router(tags=["Tokens"], dependencies=())
Text = Annotated[str, Form()]
_ERROR = {
    "description": "An error (RFC 6749, section 5.2).",
    "content": {"application/json": {"schema": {"type": "object", "required": ["error"]}}},
}
# 400 without a schema: errors in the form itself are a Problem, as everywhere in REST.
_ERRORS: dict[int | str, dict[str, Any]] = {
    400: {"description": _ERROR["description"], "content": {"application/json": {"schema": {"type": "object"}}}},
    401: _ERROR,
    429: {"description": "Too many failed attempts."},
    503: {"description": "The database can't be reached."},
}
_REFUSALS = (GrantRefused, TooManyAttempts, StoreUnreachable)
_OPEN: dict[str, Any] = {"security": []}  # applications authenticate in the form or by HTTP Basic


class RegistrationBody(BaseModel):
    """A new application, as WSO2's clients describe it."""

    model_config = ConfigDict(populate_by_name=True)
    client_name: str = Field(alias="clientName")
    grant_type: str = Field(
        "password refresh_token", alias="grantType", description="Grant types, separated by spaces."
    )
    callback_url: str = Field("", alias="callbackUrl")
    owner: str = ""
    saas_app: bool = Field(False, alias="saasApp")


class Registered(BaseModel):
    """A new application and its secret."""

    clientId: str  # noqa: N815 - WSO2's names
    clientName: str  # noqa: N815
    callBackURL: str  # noqa: N815
    clientSecret: str  # noqa: N815
    isSaasApplication: bool  # noqa: N815
    appOwner: str  # noqa: N815
    jsonString: str  # noqa: N815
    jsonAppAttribute: str  # noqa: N815
    tokenType: str | None  # noqa: N815


class TokenAnswer(BaseModel):
    """An access token, and a refresh token if the grant has one (RFC 6749, section 5.1)."""

    access_token: str
    refresh_token: str | None = None
    scope: str
    token_type: str
    expires_in: int


@registration.post(REGISTRATION)
def register(context: RequestContext, body: RegistrationBody) -> Registered:
    """
    Register an application.

    The application belongs to you and can get tokens only for users of your organization. Its secret is returned only
    in this response.
    """
    if body.owner and body.owner != context.user.name:
        raise InvalidField("owner", f"You are {context.user.name} and can register applications only for yourself.")
    application, secret = oauth.register_application(context, body.client_name, body.grant_type.split())
    grants = " ".join(application.grants)
    metadata = {"grant_types": grants, "redirect_uris": body.callback_url, "client_name": application.name}
    return Registered(
        clientId=application.id,
        clientName=application.name,
        callBackURL=body.callback_url,
        clientSecret=secret,
        isSaasApplication=False,
        appOwner=application.owner.name,
        jsonString=json.dumps(metadata),
        jsonAppAttribute="{}",
        tokenType=None,
    )


@router.post(
    TOKEN, openapi_extra=_OPEN, responses=_ERRORS, response_model=TokenAnswer, response_model_exclude_none=True
)
async def give_token(
    request: Request,
    runtime: CurrentRuntime,
    grant_type: Text = "",
    username: Text = "",
    password: Text = "",
    refresh_token: Text = "",
    scope: Text = "",
    client_id: Text = "",
    client_secret: Text = "",
) -> Any:
    """
    Get an access token.

    The application authenticates with its ID and secret, by HTTP Basic or in the form.
    """
    token_request = TokenRequest(grant_type, username, password, refresh_token, scope)
    # Only passwords are hashed, so other grants don't wait for sign-ins.
    run = runtime.accounts.threads.run if grant_type == Grant.PASSWORD else run_in_threadpool
    try:
        grant = await run(_grant, request, runtime, token_request, client_id, client_secret)
    except _REFUSALS as error:
        return _refuse(request, error)
    return TokenAnswer(
        access_token=grant.access,
        refresh_token=grant.refresh or None,
        scope=" ".join(grant.scopes),
        token_type="Bearer",  # noqa: S106 - the kind of token
        expires_in=int(ACCESS_LASTS.total_seconds()),
    )


def _grant(
    request: Request, runtime: Runtime, token_request: TokenRequest, client_id: str, client_secret: str
) -> TokenGrant:
    application = _authenticate(request, runtime, client_id, client_secret)
    return oauth.grant_token(
        runtime.store, runtime.accounts, application, token_request, get_address(request), runtime.now()
    )


@router.post(REVOKE, openapi_extra=_OPEN, responses=_ERRORS, response_model=dict[str, Any])
def end_token(
    request: Request, runtime: CurrentRuntime, token: Text = "", client_id: Text = "", client_secret: Text = ""
) -> Any:
    """
    Revoke a token.

    Also revokes the tokens that were issued with it. Succeeds for an unknown token, as RFC 7009 requires.
    """
    try:
        application = _authenticate(request, runtime, client_id, client_secret)
        if not token:
            raise GrantRefused("invalid_request", "The form field token is missing.")
        oauth.revoke(runtime.store, application, token, runtime.now())
    except _REFUSALS as error:
        return _refuse(request, error)
    return {}


def _authenticate(request: Request, runtime: Runtime, client_id: str, client_secret: str) -> Application:
    scheme, _, credentials = request.headers.get("authorization", "").partition(" ")
    if scheme:
        client_id, client_secret = _read_basic(credentials) if scheme.lower() == "basic" else ("", "")
    address = get_address(request)
    return oauth.authenticate_application(
        runtime.store, runtime.accounts, client_id, client_secret, address, runtime.now()
    )


def _read_basic(credentials: str) -> tuple[str, str]:
    """Decode ID and secret, each URL-encoded as in a form (RFC 6749, section 2.3.1)."""
    try:
        name, _, password = base64.b64decode(credentials, validate=True).decode().partition(":")
    except ValueError:
        return "", ""
    return unquote_plus(name), unquote_plus(password)


def _refuse(request: Request, error: GrantRefused | TooManyAttempts | StoreUnreachable) -> JSONResponse:
    if not isinstance(error, GrantRefused):
        body = {"error": "temporarily_unavailable", "error_description": write_public_text(error)}
        status = 429 if isinstance(error, TooManyAttempts) else 503
        return JSONResponse(body, status, {"Retry-After": str(error.seconds)})
    by_header = "authorization" in request.headers
    body = {"error": error.code, "error_description": str(error)}
    if error.code == "invalid_client":
        return JSONResponse(body, 401, {"WWW-Authenticate": 'Basic realm="Holdfast"'} if by_header else None)
    return JSONResponse(body, 400)
