"""
An ID for each request to the publisher, in its log lines and its response.
"""

import uuid

import structlog
from starlette.datastructures import MutableHeaders
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from holdfast.server.middleware.doors import Fail
from holdfast.services.access.feeds import FEEDS

log = structlog.get_logger()
MAX_PATH = 500  # characters of a path in the log


class RequestIds:
    """
    Gives each request a unique ID, and logs requests that fail unexpectedly.

    IDs that clients send are ignored, so that they can't write log lines with the ID of another request.
    """

    def __init__(self, app: ASGIApp, fail: Fail) -> None:
        self._app, self._fail = app, fail

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; respond 500 if it failed before a response."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = str(uuid.uuid4())
        scope.setdefault("state", {})["request_id"] = request_id
        # Each request is a separate task, so this needn't be unbound.
        structlog.contextvars.bind_contextvars(request_id=request_id)
        has_begun = has_ended = False

        async def follow(message: Message) -> None:
            nonlocal has_begun, has_ended
            if message["type"] == "http.response.start":
                has_begun = True
                MutableHeaders(scope=message)["x-request-id"] = request_id
            else:
                has_ended = not message.get("more_body", False)
            await send(message)

        try:
            await self._app(scope, receive, follow)
        except ClientDisconnect:
            pass  # there is no client to respond to, and this isn't an error of Holdfast
        except Exception as error:
            if has_begun and not has_ended:
                raise  # the server logs it with this ID and closes the connection
            log.exception(
                "request failed", method=scope["method"], path=_hide_secrets(scope["path"])[:MAX_PATH], status=500
            )
            if not has_begun:
                response = await self._fail(Request(scope), error)
                await response(scope, receive, follow)


def _hide_secrets(path: str) -> str:
    """Return *path* without the secret in the address of a calendar feed."""
    return f"{FEEDS}..." if path.startswith(FEEDS) else path
