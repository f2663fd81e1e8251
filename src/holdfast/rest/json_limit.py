"""
Limit on the number of values in a JSON body: each invalid value is an error, and errors are slower to create than read.
"""

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from holdfast.rest.errors import Problem, answer

MAX_VALUES = 20_000  # at most as many errors: a fifth of a second
TOO_MANY = Problem(413, "content-too-large", "Content Too Large")


class JsonLimit:
    """Rejects JSON bodies with too many values, which it counts by their commas."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 413 or pass the request on."""
        if scope["type"] != "http" or "json" not in Headers(scope=scope).get("content-type", ""):
            await self._app(scope, receive, send)
            return
        messages, commas, more = [], 0, True
        while more and commas < MAX_VALUES:
            message = await receive()
            messages.append(message)
            commas += message.get("body", b"").count(b",")
            more = message.get("more_body", False)
        if commas >= MAX_VALUES:
            text = f"The JSON body has more than {MAX_VALUES:,} values. Split it into several requests."
            await answer(Request(scope), TOO_MANY, text, {})(scope, receive, send)
            return

        async def replay() -> Message:
            return messages.pop(0) if messages else await receive()

        await self._app(scope, replay, send)
