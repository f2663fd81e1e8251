"""
Authentication of the senders of large bodies, before the body is read.
"""

from fastapi import Request
from starlette.responses import Response

from holdfast.rest.access.authentication import user_of_request
from holdfast.rest.errors import PROBLEMS, domain_error
from holdfast.services.runtime import Runtime


async def sender(runtime: Runtime, request: Request) -> str | Response:
    """Return the account of the user who sends the request, or the response to requests that aren't authenticated."""
    try:
        user = await user_of_request(runtime, runtime.store, request)
    except tuple(PROBLEMS) as error:
        return await domain_error(request, error)
    return user.account
