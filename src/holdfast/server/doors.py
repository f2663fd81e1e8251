"""
The two doors, REST and pages: the paths of each, and its answers to requests that don't reach its application.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from holdfast.rest.errors import Problem

JSON_PATHS = ("/api/", "/client-registration/", "/oauth2/", "/openapi.json", "/metrics")

# Answers a request that is refused: the problem, a sentence for people, headers.
Refuse = Callable[[Request, Problem, str, Mapping[str, str]], Awaitable[Response]]
# Answers a request whose handler failed.
Fail = Callable[[Request, Exception], Awaitable[Response]]
# Returns a unique name for the sender of a request, or the response if the sender can't be authenticated.
Identify = Callable[[Request], Awaitable[str | Response]]


@dataclass(frozen=True, slots=True)
class Door:
    """An application, and its answers to requests that don't reach it."""

    app: ASGIApp
    refuse: Refuse
    fail: Fail
    identify: Identify


@dataclass(frozen=True, slots=True)
class Doors:
    """REST (`json`) and pages (`html`)."""

    json: Door
    html: Door

    def of(self, scope: Scope) -> Door:
        """Find the door that a request is for."""
        return self.json if scope["path"].startswith(JSON_PATHS) else self.html

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on to its door."""
        await self.of(scope).app(scope, receive, send)

    async def refuse(self, request: Request, problem: Problem, text: str, headers: Mapping[str, str]) -> Response:
        """Answer a request that is refused, as its door does."""
        return await self.of(request.scope).refuse(request, problem, text, headers)

    async def fail(self, request: Request, error: Exception) -> Response:
        """Answer a request whose handler failed, as its door does."""
        return await self.of(request.scope).fail(request, error)

    async def identify(self, request: Request) -> str | Response:
        """Return a unique name for the sender, or its door's response if the sender can't be authenticated."""
        return await self.of(request.scope).identify(request)
