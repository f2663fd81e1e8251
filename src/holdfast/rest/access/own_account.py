"""
`/account`: who one is, one's password, and one's sessions.
"""

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict

from holdfast.network.forwarded import address_of
from holdfast.rest.access.authentication import CurrentRuntime, RequestContext
from holdfast.rest.access.responses import Account, Sessions
from holdfast.rest.access.users import describe_user
from holdfast.rest.prefixes import PREFIX
from holdfast.services.access import own_account
from holdfast.services.access.password_threads import on_password_threads

router = APIRouter(prefix=f"{PREFIX}/account", tags=["Account"])


class OwnPasswordBody(BaseModel):
    """One's own password, and another."""

    model_config = ConfigDict(extra="forbid")
    current: str
    new: str


@router.get("")
def get_account(context: RequestContext) -> Account:
    """Say who one is, and what the credentials of this request permit."""
    account = own_account.get_account(context)
    may = sorted(permission.value for permission in context.user.permissions)
    return {**describe_user(account), "organization": account.organization, "permissions": may}


@router.put("/password", status_code=204)
@on_password_threads
def change_password(
    request: Request, runtime: CurrentRuntime, context: RequestContext, body: OwnPasswordBody
) -> Response:
    """Change one's password; all sessions end, personal tokens stay."""
    address = address_of(request)
    own_account.change_password(context, runtime.accounts, body.current, body.new, address)
    return Response(status_code=204)


@router.get("/sessions")
def list_sessions(context: RequestContext) -> Sessions:
    """List the sessions of one's browsers, newest first."""
    sessions = own_account.list_sessions(context)
    return {
        "count": len(sessions),
        "list": [
            {
                "id": session.id,
                "createdTime": session.created_at.isoformat(),
                "expiresTime": session.expires_at.isoformat(),
                "address": session.address,
                "agent": session.agent,
            }
            for session in sessions
        ],
    }


@router.delete("/sessions/{session_id}", status_code=204)
def revoke_session(context: RequestContext, session_id: str) -> Response:
    """End one of one's sessions."""
    own_account.revoke_session(context, session_id)
    return Response(status_code=204)
