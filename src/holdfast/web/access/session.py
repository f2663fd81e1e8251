"""
Who looks at a page: the principal of the session, or the way to the sign-in page.
"""

from dataclasses import replace
from typing import Annotated

from fastapi import Depends, Request
from starlette.concurrency import run_in_threadpool

from holdfast.network.forwarded import address_of
from holdfast.services.access.accounts import SESSION_COOKIE
from holdfast.services.access.principal import Principal
from holdfast.services.runtime import Runtime


class NotSignedIn(PermissionError):
    """The page is for those who have signed in."""


def get_runtime(request: Request) -> Runtime:
    """Give the running parts of Holdfast."""
    found: Runtime = request.app.state.runtime
    return found


async def visitor(request: Request) -> Principal:
    """Find who has signed in; raise NotSignedIn, or Busy if they have too many requests in work."""
    found = await run_in_threadpool(visitor_of_request, get_runtime(request), request)
    request.state.visitor = found
    await request.state.count_as(found.account)  # concurrency_limit.py
    return found


def visitor_of_request(runtime: Runtime, request: Request) -> Principal:
    """Find who has signed in, also before *request* has reached a door; raise NotSignedIn."""
    token = request.cookies.get(SESSION_COOKIE)
    found = runtime.accounts.session_principal(token, runtime.now()) if token else None
    if found is None:
        raise NotSignedIn
    return replace(found, address=address_of(request))


def visitor_if_known(request: Request) -> Principal | None:
    """Find who has signed in, for a page that others see, too. Raises what reading the database raises."""
    try:
        return getattr(request.state, "visitor", None) or visitor_of_request(get_runtime(request), request)
    except NotSignedIn:
        return None


CurrentRuntime = Annotated[Runtime, Depends(get_runtime)]
Visitor = Annotated[Principal, Depends(visitor)]
