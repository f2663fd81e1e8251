"""
Authentication of the senders of large bodies, before the body is read.
"""

from fastapi import Request
from starlette.responses import Response

from holdfast.rest.authentication import authenticate
from holdfast.rest.errors import PROBLEMS, answer_domain_error
from holdfast.services.runtime import Runtime


async def find_sender(runtime: Runtime, request: Request) -> str | Response:
    """Return the account of the user who sends the request, or the response to requests that aren't authenticated."""
    try:
        user = await authenticate(runtime, runtime.store, request)
    except tuple(PROBLEMS) as error:
        return await answer_domain_error(request, error)
    return user.account
