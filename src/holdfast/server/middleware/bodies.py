"""
Limits on the size and time of request bodies. Bodies of more than a few kilobytes are read only from signed-in users.
"""

import asyncio
import contextlib

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from holdfast.rest.errors import Problem
from holdfast.server.middleware.doors import Identify, Refuse
from holdfast.work.shares import Shares

TOO_SLOW = Problem(408, "request-timeout", "Request Timeout")
TOO_LARGE = Problem(413, "content-too-large", "Content Too Large")
TOO_MANY_BODIES = Problem(503, "too-many-uploads", "Service Unavailable")
# The largest upload with its form fields is smaller.
MAX_BODY = 2 * 1024 * 1024
SMALL_BODY = 16 * 1024  # allowed without signing in; sign-in forms are smaller
LARGE_BODIES = 64  # in memory at once, beyond the small ones
LARGE_BODIES_OF_A_USER = 16
MAX_DIGITS = 20  # of a Content-Length
BODY_WITHIN = 60.0  # seconds for a whole body to arrive
REFUSED_BODY_WITHIN = 10.0  # seconds until a client that still sends gets its response
RETRY_AFTER = 1  # seconds
CLOSE = {"connection": "close"}


class BodyLimit:
    """
    Rejects bodies of more than *limit* bytes, with or without a Content-Length, and slow ones.

    A body of more than SMALL_BODY is read only if *identify* authenticates its sender and *large* has room.
    """

    def __init__(
        self,
        app: ASGIApp,
        refuse: Refuse,
        identify: Identify,
        large: Shares,
        limit: int = MAX_BODY,
        within: float = BODY_WITHIN,
    ) -> None:
        self._app, self._refuse, self._identify, self._large = app, refuse, identify, large
        self._limit, self._within = limit, within

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Respond 401, 408, 413 or 503, or pass the request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        with contextlib.ExitStack() as places:
            try:
                body = await self._read(Request(scope), receive, places)
            except _RequestRefused as refused:
                await refused.response(scope, receive, send)
                return
            if body is not None:
                await self._app(scope, _replay(body, receive), send)

    async def _read(self, request: Request, receive: Receive, places: contextlib.ExitStack) -> bytes | None:
        """
        Return the body, None if the client disconnected. Raises _RequestRefused.

        The caller closes *places* when the body's memory is free again.
        """
        length = await self._read_declared_length(request)
        body, more, is_admitted = bytearray(), True, False
        try:
            async with asyncio.timeout(self._within):
                while True:
                    if not is_admitted and max(length, len(body)) > SMALL_BODY:
                        await self._admit(request, receive if more else None, places)
                        is_admitted = True
                    if not more:
                        return bytes(body)
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        return None
                    body += message.get("body", b"")
                    more = message.get("more_body", False)
                    if len(body) > self._limit:
                        raise await self._refuse_large(request)
        except TimeoutError as error:
            text = f"The body didn't arrive within {self._within:.0f} seconds. Try again."
            raise _RequestRefused(await self._refuse(request, TOO_SLOW, text, CLOSE)) from error

    async def _read_declared_length(self, request: Request) -> int:
        length = request.headers.get("content-length", "0")
        # Check the number of digits first: parsing a million digits would take long.
        if not length.isdigit() or len(length) >= MAX_DIGITS or int(length) > self._limit:
            raise await self._refuse_large(request)
        return int(length)

    async def _refuse_large(self, request: Request) -> "_RequestRefused":
        text = f"The request is larger than {self._limit // 1024} KiB."
        return _RequestRefused(await self._refuse(request, TOO_LARGE, text, CLOSE))

    async def _admit(self, request: Request, receive: Receive | None, places: contextlib.ExitStack) -> None:
        """Reserve memory for a large body of a user; *receive* is None at its end. Raises _RequestRefused."""
        sender = await self._identify(request)
        if isinstance(sender, Response):
            raise _RequestRefused(await _discard_body(request, receive, sender))
        if not self._large.take(sender):
            text = f"Too many uploads at once. Try again in {RETRY_AFTER} s."
            refusal = await self._refuse(request, TOO_MANY_BODIES, text, {"Retry-After": str(RETRY_AFTER)})
            raise _RequestRefused(await _discard_body(request, receive, refusal))
        places.callback(self._large.give_back, sender)


class _RequestRefused(Exception):
    """The request gets *response* without reaching the app."""

    def __init__(self, response: Response) -> None:
        super().__init__(response.status_code)
        self.response = response


async def _discard_body(request: Request, receive: Receive | None, refusal: Response) -> Response:
    """Discard the rest of the body, because many clients read the response only after they have sent everything."""
    if receive is None:
        return refusal
    if "expect" in request.headers:
        refusal.headers["connection"] = "close"  # the client hasn't sent the body yet and needn't
        return refusal
    remaining = MAX_BODY
    try:
        async with asyncio.timeout(REFUSED_BODY_WITHIN):
            while remaining > 0:
                message = await receive()
                remaining -= len(message.get("body", b""))
                if not message.get("more_body", False):
                    return refusal
    except TimeoutError:
        pass
    refusal.headers["connection"] = "close"
    return refusal


def _replay(body: bytes, receive: Receive) -> Receive:
    is_replayed = False

    async def receive_again() -> Message:
        nonlocal is_replayed
        if is_replayed:
            return await receive()
        is_replayed = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receive_again
