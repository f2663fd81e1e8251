"""
`/tokens`: personal tokens of the caller, for scripts of their own.
"""

from datetime import datetime

from fastapi import APIRouter, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from holdfast.rest.access import responses
from holdfast.rest.access.authentication import Bearer, RequestContext
from holdfast.rest.access.responses import NewToken, Tokens
from holdfast.rest.prefixes import PREFIX
from holdfast.services.access import tokens
from holdfast.services.access.scopes import grantable_scopes
from holdfast.store.access.tokens import Token

router = APIRouter(prefix=f"{PREFIX}/tokens", tags=["Tokens"])


class TokenBody(BaseModel):
    """A new personal token."""

    model_config = ConfigDict(populate_by_name=True, extra="forbid")
    name: str
    scopes: list[str]
    expires_time: AwareDatetime = Field(alias="expiresTime", description="Within 366 days.")


@router.get("")
def list_tokens(context: RequestContext) -> Tokens:
    """List one's personal tokens, and the scopes that one can give; secrets are not told again."""
    personal = tokens.list_tokens(context)
    return {
        "count": len(personal),
        "list": [_describe(token) for token in personal],
        "scopes": grantable_scopes(context.user.permissions),
    }


@router.post("", status_code=201)
def create_token(context: RequestContext, body: TokenBody) -> NewToken:
    """Make a personal token; `token` is what a script sends as `Authorization: Bearer`, and is told this once."""
    token, secret = tokens.create_token(context, body.name, body.scopes, body.expires_time)
    return {**_describe(token), "token": secret}


@router.get("/current")
def get_current_token(context: RequestContext, secret: Bearer) -> responses.Token:
    """Describe the personal token that the request bears; 404 where it bears none."""
    return _describe(tokens.get_current_token(context, secret))


@router.delete("/current", status_code=204)
def revoke_current_token(context: RequestContext, secret: Bearer) -> Response:
    """End the personal token that the request bears, whatever its scopes; 404 where it bears none."""
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
        "lastUsedDate": _day(token.used_on),
    }


def _day(moment: datetime | None) -> str | None:
    return moment.date().isoformat() if moment else None
