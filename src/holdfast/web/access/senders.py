"""
The user who sends a large body, identified before it is read.
"""

from fastapi import Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from holdfast.services.runtime import Runtime
from holdfast.web.access.session import NotSignedIn, authenticate
from holdfast.web.errors import sign_in_first


async def find_sender(runtime: Runtime, request: Request) -> str | Response:
    """Return the account of the user who makes the request, or the redirect to the sign-in page."""
    try:
        user = await run_in_threadpool(authenticate, runtime, runtime.store, request)
    except NotSignedIn as error:
        return await sign_in_first(request, error)
    return user.account
