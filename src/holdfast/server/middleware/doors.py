"""
The two applications, REST and pages: their paths, and their responses to requests that don't reach them.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from holdfast.rest.errors import Problem

JSON_PATHS = ("/api/", "/client-registration/", "/oauth2/", "/openapi.json", "/metrics")

# Responds to a request that is rejected: the problem, a message, headers.
Refuse = Callable[[Request, Problem, str, Mapping[str, str]], Awaitable[Response]]
# Responds to a request whose handler failed.
Fail = Callable[[Request, Exception], Awaitable[Response]]
# Returns a unique name for the sender of a request, or the response if the sender can't be authenticated.
Identify = Callable[[Request], Awaitable[str | Response]]


@dataclass(frozen=True, slots=True)
class Door:
    """An application, and its responses to requests that don't reach it."""

    app: ASGIApp
    refuse: Refuse
    fail: Fail
    identify: Identify


@dataclass(frozen=True, slots=True)
class Doors:
    """REST (`json`) and pages (`html`)."""

    json: Door
    html: Door

    def find(self, scope: Scope) -> Door:
        """Return the application that a request is for."""
        return self.json if scope["path"].startswith(JSON_PATHS) else self.html

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on to its application."""
        await self.find(scope).app(scope, receive, send)

    async def refuse(self, request: Request, problem: Problem, text: str, headers: Mapping[str, str]) -> Response:
        """Respond to a request that is rejected, in the format of its application."""
        return await self.find(request.scope).refuse(request, problem, text, headers)

    async def fail(self, request: Request, error: Exception) -> Response:
        """Respond to a request whose handler failed, in the format of its application."""
        return await self.find(request.scope).fail(request, error)

    async def identify(self, request: Request) -> str | Response:
        """Return a unique name for the sender, or a response if the sender can't be authenticated."""
        return await self.find(request.scope).identify(request)
