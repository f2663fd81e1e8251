"""
Who sends a large body to this door: asked before it is read.
"""

from fastapi import Request
from starlette.responses import Response

from holdfast.rest.access.authentication import user_of_request
from holdfast.rest.errors import PROBLEMS, domain_error
from holdfast.services.runtime import Runtime


async def sender(runtime: Runtime, request: Request) -> str | Response:
    """Name the user who makes the request, or give the answer that the door would give to somebody who is none."""
    try:
        user = await user_of_request(runtime, runtime.store, request)
    except tuple(PROBLEMS) as error:
        return await domain_error(request, error)
    return user.account
