"""
Rate limits: a token bucket for each address, and for each session, password or token.
"""

import hashlib
import time
from collections.abc import Callable
from math import ceil

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from holdfast.rest.errors import Problem
from holdfast.server.middleware.doors import Refuse
from holdfast.server.middleware.host_cookie import PREFIX
from holdfast.services.access.accounts import SESSION_COOKIE
from holdfast.services.access.attempts import make_client_key
from holdfast.work.buckets import Buckets

TOO_MANY = Problem(429, "too-many-requests", "Too Many Requests")
BURST = 10.0  # seconds' worth of requests that are allowed at once
USERS_OF_AN_ADDRESS = 4  # the limit of an address is that of so many users


class RateLimit:
    """
    Rejects requests beyond *rate* per second of one user, and beyond four times that from one address.

    Credentials (session, password, token) identify users, so no user can use up another's limit.
    """

    def __init__(self, app: ASGIApp, refuse: Refuse, rate: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._app, self._refuse = app, refuse
        self._users = Buckets(rate, rate * BURST, clock)
        of_address = rate * USERS_OF_AN_ADDRESS
        self._addresses = Buckets(of_address, of_address * BURST, clock)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Respond 429, or pass the request on."""
        if scope["type"] == "http":
            wait = self._addresses.take(find_address(scope))
            credentials = identify_client(scope)
            if not wait and credentials:
                wait = self._users.take(credentials)
            if wait:
                seconds = ceil(wait)
                text = f"Too many requests. Try again in {seconds} s."
                headers = {"Retry-After": str(seconds)}
                refusal = await self._refuse(Request(scope), TOO_MANY, text, headers)
                await refusal(scope, receive, send)
                return
        await self._app(scope, receive, send)


def find_address(scope: Scope) -> str:
    """Return the client's address, or its network for IPv6."""
    return make_client_key(scope["client"][0]) if scope.get("client") else "unknown"


def identify_client(scope: Scope) -> str:
    """Return a hash of the request's credentials, empty if it has none."""
    scheme, _, credentials = Headers(scope=scope).get("authorization", "").partition(" ")
    cookies = Request(scope).cookies
    session = cookies.get(f"{PREFIX}{SESSION_COOKIE}") or cookies.get(SESSION_COOKIE, "")
    credential = f"{scheme.lower()} {credentials}" if scheme else session
    return hashlib.sha256(credential.encode()).hexdigest() if credential else ""
