"""
The session and context of a request for a page.
"""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Annotated

from fastapi import Depends, Request
from starlette.concurrency import run_in_threadpool

from holdfast.network.forwarded import get_address
from holdfast.services.access.accounts import SESSION_COOKIE, find_session_principal
from holdfast.services.access.context import Context
from holdfast.services.access.principal import Principal
from holdfast.services.runtime import Runtime
from holdfast.store.database import Transactions


class NotSignedIn(PermissionError):
    """The request has no valid session."""


def get_runtime(request: Request) -> Runtime:
    """Return the running parts of Holdfast."""
    runtime: Runtime = request.app.state.runtime
    return runtime


async def open_context(request: Request) -> AsyncIterator[Context]:
    """Yield the context of the request. Raises NotSignedIn, or Busy if the user has too many requests in progress."""
    runtime = get_runtime(request)

    async def identify(store: Transactions) -> Principal:
        user = await run_in_threadpool(authenticate, runtime, store, request)
        request.state.user = user
        return user

    async with runtime.context(identify, request.state.count_as) as of_request:
        yield of_request


def authenticate(runtime: Runtime, store: Transactions, request: Request) -> Principal:
    """Return the signed-in user; works before routing, too. Raises NotSignedIn."""
    token = request.cookies.get(SESSION_COOKIE)
    user = find_session_principal(store, token, runtime.now()) if token else None
    if user is None:
        raise NotSignedIn
    return replace(user, address=get_address(request))


def find_context(request: Request, store: Transactions) -> Context | None:
    """Return a context for a page that doesn't require a session. Raises the errors of reading the database."""
    runtime = get_runtime(request)
    try:
        user = getattr(request.state, "user", None) or authenticate(runtime, store, request)
    except NotSignedIn:
        return None
    return Context(store, user, runtime.now(), runtime.asks_callers)


CurrentRuntime = Annotated[Runtime, Depends(get_runtime)]
# Scope "function" ends the read transaction before the response is sent, which a slow client can delay.
RequestContext = Annotated[Context, Depends(open_context, scope="function")]
