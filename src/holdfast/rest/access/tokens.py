"""
`/tokens`: personal tokens, for the scripts of a user.
"""

from datetime import datetime

from fastapi import Response
from pydantic import BaseModel, ConfigDict, Field

from holdfast.rest.access import responses
from holdfast.rest.access.responses import NewToken, Tokens
from holdfast.rest.authentication import Bearer, RequestContext
from holdfast.rest.inputs import Time
from holdfast.rest.prefixes import PREFIX
from holdfast.rest.router import Router
from holdfast.services.access import tokens
from holdfast.services.access.scopes import list_grantable_scopes
from holdfast.store.access.tokens import Token

router = Router(prefix=f"{PREFIX}/tokens", tags=["Tokens"])


class TokenBody(BaseModel):
    """A new personal token."""

    model_config = ConfigDict(populate_by_name=True, extra="forbid")
    name: str
    scopes: list[str]
    expires_time: Time = Field(alias="expiresTime", description="When it expires, within 366 days.")


@router.get("")
def list_tokens(context: RequestContext) -> Tokens:
    """
    List your personal tokens.

    Returns the tokens without their secrets, and the scopes that new tokens of yours can have.
    """
    personal = tokens.list_tokens(context)
    return {
        "count": len(personal),
        "list": [_describe(token) for token in personal],
        "scopes": list_grantable_scopes(context.user.permissions),
    }


@router.post("", status_code=201)
def create_token(context: RequestContext, body: TokenBody) -> NewToken:
    """
    Create a personal token.

    Send `token` as `Authorization: Bearer`. It is returned only in this response. A token can do only what its scopes
    and your roles both allow.
    """
    token, secret = tokens.create_token(context, body.name, body.scopes, body.expires_time)
    return {**_describe(token), "token": secret}


@router.get("/current")
def get_current_token(context: RequestContext, secret: Bearer) -> responses.Token:
    """
    Get the current token.

    Returns the personal token that the request is authenticated with; 404 if it has none.
    """
    return _describe(tokens.get_current_token(context, secret))


@router.delete("/current", status_code=204)
def revoke_current_token(context: RequestContext, secret: Bearer) -> Response:
    """
    Revoke the current token.

    Revokes the personal token that the request is authenticated with, whatever its scopes; 404 if it has none.
    """
    tokens.revoke_current_token(context, secret)
    return Response(status_code=204)


@router.delete("/{token_id}", status_code=204)
def revoke_token(context: RequestContext, token_id: str) -> Response:
    """Revoke a personal token."""
    tokens.revoke_token(context, token_id)
    return Response(status_code=204)


def _describe(token: Token) -> responses.Token:
    return {
        "id": token.id,
        "name": token.name,
        "scopes": list(token.scopes),
        "createdTime": token.created_at.isoformat(),
        "expiresTime": token.expires_at.isoformat(),
        "lastUsedDate": _write_day(token.used_on),
    }


def _write_day(moment: datetime | None) -> str | None:
    return moment.date().isoformat() if moment else None
