"""
How many requests one may make: a bucket of tokens for each address and for each session, password or token.
"""

import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from math import ceil

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from holdfast.rest.errors import Problem
from holdfast.server.doors import Refuse
from holdfast.server.host_cookie import PREFIX
from holdfast.services.access.accounts import SESSION_COOKIE
from holdfast.services.access.attempts import client_key

TOO_MANY = Problem(429, "too-many-requests", "Too Many Requests")
BURST = 10.0  # seconds' worth of requests that may come at once
USERS_OF_AN_ADDRESS = 4  # so many times as much from one address as of one user
MAX_KEYS = 20_000


@dataclass(slots=True)
class _Bucket:
    tokens: float
    at: float


class Buckets:
    """Tokens by key; *rate* flow in per second, as many as *burst* stay."""

    def __init__(self, rate: float, burst: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate, self._burst, self._clock = rate, max(burst, 1.0), clock
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def take(self, key: str) -> float:
        """Take a token and give 0, or take none and give the seconds until there is one."""
        now = self._clock()
        bucket = self._buckets.setdefault(key, _Bucket(self._burst, now))
        self._buckets.move_to_end(key)
        if len(self._buckets) > MAX_KEYS:
            self._buckets.popitem(last=False)  # who was not here for longest
        bucket.tokens = min(self._burst, bucket.tokens + (now - bucket.at) * self._rate)
        bucket.at = now
        if bucket.tokens < 1:
            return (1 - bucket.tokens) / self._rate
        bucket.tokens -= 1
        return 0.0


class RateLimit:
    """
    Refuses requests beyond *rate* per second of one user, and beyond four times that from one address.

    A user is known here by what they show: a session, a password, a token. So nobody can use up what is another's.
    """

    def __init__(self, app: ASGIApp, refuse: Refuse, rate: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._app, self._refuse = app, refuse
        self._users = Buckets(rate, rate * BURST, clock)
        of_address = rate * USERS_OF_AN_ADDRESS
        self._addresses = Buckets(of_address, of_address * BURST, clock)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 429 or pass the request on."""
        if scope["type"] == "http":
            wait = self._addresses.take(address_of(scope))
            shown = identify_client(scope)
            if not wait and shown:
                wait = self._users.take(shown)
            if wait:
                seconds = ceil(wait)
                text = f"These are more requests than one may make. Try again in {seconds} s."
                headers = {"Retry-After": str(seconds)}
                refusal = await self._refuse(Request(scope), TOO_MANY, text, headers)
                await refusal(scope, receive, send)
                return
        await self._app(scope, receive, send)


def address_of(scope: Scope) -> str:
    """Say who asks, as far as the connection tells: an address, or the network of an IPv6 host."""
    return client_key(scope["client"][0]) if scope.get("client") else "unknown"


def identify_client(scope: Scope) -> str:
    """Name what the request shows of its user by a hash; empty when it shows nothing."""
    scheme, _, credentials = Headers(scope=scope).get("authorization", "").partition(" ")
    cookies = Request(scope).cookies
    session = cookies.get(f"{PREFIX}{SESSION_COOKIE}") or cookies.get(SESSION_COOKIE, "")
    credential = f"{scheme.lower()} {credentials}" if scheme else session
    return hashlib.sha256(credential.encode()).hexdigest() if credential else ""
