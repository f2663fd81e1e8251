"""
The page on which users create and revoke their personal tokens.
"""

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Form, Request
from starlette.responses import Response

from holdfast.refusals import Refusal
from holdfast.services.access import own_account, tokens
from holdfast.services.access.context import Context
from holdfast.services.access.permissions import Permission
from holdfast.services.access.scopes import DEFAULT_SCOPE, list_grantable_scopes
from holdfast.web import notices
from holdfast.web.access.session import RequestContext
from holdfast.web.rendering import render

router = APIRouter(prefix="/tokens")
_DAYS = (7, 30, 90, 365)


@router.get("")
def show(request: Request, context: RequestContext) -> Response:
    """List the tokens, with a form for a new one."""
    return _show_page(request, context)


@router.post("")
def create_token(
    request: Request,
    context: RequestContext,
    name: Annotated[str, Form()] = "",
    scopes: Annotated[list[str] | None, Form()] = None,
    days: Annotated[int, Form(ge=1, le=366)] = 30,
) -> Response:
    """Create a token and show it, for the only time."""
    names, now = scopes or [], context.now
    try:
        token, secret = tokens.create_token(context, name, names, now + timedelta(days=days))
    except Refusal as error:
        return _show_page(request, context, (name, names, days), error.map_to_fields("name"), 422)
    return render(request, "tokens/created.html", context=context, section="account", token=token, secret=secret)


@router.post("/{token_id}/revoke")
def revoke_token(request: Request, context: RequestContext, token_id: str) -> Response:
    """Revoke a token."""
    names = {token.id: token.name for token in tokens.list_tokens(context)}
    tokens.revoke_token(context, token_id)
    return notices.redirect(request, "/tokens", "token-revoked", names[token_id])


def _show_page(
    request: Request,
    context: Context,
    form: tuple[str, list[str], int] = ("", [DEFAULT_SCOPE], 30),
    errors: dict[str, str] | None = None,
    status: int = 200,
) -> Response:
    context.user.require(Permission.MANAGE_OWN_ACCOUNT)
    return render(
        request,
        "tokens/list.html",
        context=context,
        status=status,
        section="account",
        account=own_account.get_account(context),
        confirmed_days=tokens.CONFIRMED_FOR.days,
        tokens=tokens.list_tokens(context),
        scopes=list_grantable_scopes(context.user.permissions),
        form=form,
        days=_DAYS,
        errors=errors or {},
    )
