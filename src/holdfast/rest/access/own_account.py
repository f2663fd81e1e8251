"""
`/account`: the current user, their password and sessions.
"""

from fastapi import Request, Response
from pydantic import BaseModel, ConfigDict

from holdfast.network.forwarded import get_address
from holdfast.rest.access.responses import Account, Sessions
from holdfast.rest.access.users import describe_user
from holdfast.rest.authentication import CurrentRuntime, RequestContext
from holdfast.rest.prefixes import PREFIX
from holdfast.rest.router import Router
from holdfast.services.access import own_account
from holdfast.services.access.password_threads import on_password_threads

router = Router(prefix=f"{PREFIX}/account", tags=["Account"])


class OwnPasswordBody(BaseModel):
    """Your current and your new password."""

    model_config = ConfigDict(extra="forbid")
    current: str
    new: str


@router.get("")
def get_account(context: RequestContext) -> Account:
    """
    Get your account.

    Returns your user, your organization, and what the credentials of this request allow.
    """
    account = own_account.get_account(context)
    permissions = sorted(permission.value for permission in context.user.permissions)
    return {**describe_user(account), "organization": account.organization, "permissions": permissions}


@router.put("/password", status_code=204)
@on_password_threads
def change_password(
    request: Request, runtime: CurrentRuntime, context: RequestContext, body: OwnPasswordBody
) -> Response:
    """
    Change your password.

    Signs you out of all browsers. Personal tokens stay valid.
    """
    address = get_address(request)
    own_account.change_password(context, runtime.accounts, body.current, body.new, address)
    return Response(status_code=204)


@router.get("/sessions")
def list_sessions(context: RequestContext) -> Sessions:
    """
    List your sessions.

    Returns the browsers where you are signed in, newest first.
    """
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
    """Revoke one of your sessions."""
    own_account.revoke_session(context, session_id)
    return Response(status_code=204)
