"""
Personal tokens: made, shown once, revoked.
"""

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse
from starlette.responses import Response

from holdfast.refusals import Refusal
from holdfast.services.access import own_account, tokens
from holdfast.services.access.permissions import Permission
from holdfast.services.access.principal import Principal
from holdfast.services.access.scopes import DEFAULT_SCOPE, grantable
from holdfast.services.runtime import Runtime
from holdfast.web.access.session import CurrentRuntime, Visitor
from holdfast.web.rendering import render

router = APIRouter(prefix="/tokens")
_DAYS = (7, 30, 90, 365)


@router.get("")
def show(request: Request, runtime: CurrentRuntime, who: Visitor) -> Response:
    """List tokens and ask for a new one."""
    return _page(request, runtime, who)


@router.post("")
def create_token(
    request: Request,
    runtime: CurrentRuntime,
    who: Visitor,
    name: Annotated[str, Form()] = "",
    scopes: Annotated[list[str] | None, Form()] = None,
    days: Annotated[int, Form(ge=1, le=366)] = 30,
) -> Response:
    """Make a token and show it this once."""
    chosen, now = scopes or [], runtime.now()
    try:
        made, secret = tokens.create_token(runtime.store, who, name, chosen, now + timedelta(days=days), now)
    except Refusal as error:
        return _page(request, runtime, who, (name, chosen, days), error.fields("name"), 422)
    return render(request, "tokens/made.html", who=who, section="account", token=made, secret=secret)


@router.post("/{token_id}/revoke")
def revoke_token(runtime: CurrentRuntime, who: Visitor, token_id: str) -> Response:
    """Revoke a token."""
    tokens.revoke_token(runtime.store, who, token_id, runtime.now())
    return RedirectResponse("/tokens?done=token-revoked", 303)


def _page(
    request: Request,
    runtime: Runtime,
    who: Principal,
    typed: tuple[str, list[str], int] = ("", [DEFAULT_SCOPE], 30),
    errors: dict[str, str] | None = None,
    status: int = 200,
) -> Response:
    who.require(Permission.MANAGE_OWN_ACCOUNT)
    return render(
        request,
        "tokens/list.html",
        who=who,
        status=status,
        section="account",
        user=own_account.get_account(runtime.store, who),
        confirmed_days=tokens.CONFIRMED_FOR.days,
        tokens=tokens.list_tokens(runtime.store, who, runtime.now()),
        offered=grantable(who.permissions),
        typed=typed,
        days=_DAYS,
        errors=errors or {},
    )
