"""
Limits on concurrent requests of one user and from one address.
"""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from holdfast.refusals import Busy
from holdfast.rest.errors import BUSY
from holdfast.server.middleware.doors import Refuse
from holdfast.server.middleware.rate_limit import find_address, identify_client
from holdfast.work.buckets import MAX_KEYS

# Handlers share 40 threads (anyio's default). No user and no address can occupy all of them.
OF_USER = 10
OF_ADDRESS = 30
MAX_WAITING = 100  # further requests of one user or address, which wait without a thread
PATIENCE = 10.0  # seconds that a request waits
SECONDS = 2  # Retry-After
EVENTS = "text/event-stream"


@dataclass(slots=True)
class _Line:
    turns: asyncio.Semaphore
    members: int = 0


class Lines:
    """At most *most* turns at a time for each key. Others wait in order of arrival."""

    def __init__(self, most: int, waiting: int = MAX_WAITING, patience: float = PATIENCE) -> None:
        self._most, self._waiting, self._patience = most, waiting, patience
        self._lines: dict[str, _Line] = {}

    def __len__(self) -> int:
        """Return the number of keys in use."""
        return len(self._lines)

    @asynccontextmanager
    async def turn(self, key: str) -> AsyncIterator[None]:
        """Wait for a turn for *key*, which ends with the block. Raises Busy."""
        line = self._lines.setdefault(key, _Line(asyncio.Semaphore(self._most)))
        if line.members >= self._most + self._waiting:
            raise _make_busy()
        line.members += 1
        try:
            try:
                async with asyncio.timeout(self._patience):
                    await line.turns.acquire()
            except TimeoutError as error:
                raise _make_busy() from error
            try:
                yield
            finally:
                line.turns.release()
        finally:
            line.members -= 1
            if not line.members:
                del self._lines[key]


class ConcurrencyLimit:
    """
    Limits concurrent requests of one user and one address, queues others, and responds 503 if too many wait.

    Before authentication, requests count by their credentials; afterwards by user, whatever the credentials:
    `request.state.count_as` waits for a turn of the user. Server-sent events count only until they begin, because they
    don't occupy a thread; `web/publishing/live.py` limits them.
    """

    def __init__(
        self,
        app: ASGIApp,
        refuse: Refuse,
        of_user: int = OF_USER,
        of_address: int = OF_ADDRESS,
        waiting: int = MAX_WAITING,
    ) -> None:
        self._app, self._refuse = app, refuse
        self._users = Lines(of_user, waiting)
        self._addresses = Lines(of_address, waiting)
        self._accounts: OrderedDict[str, str] = OrderedDict()  # by a hash of the credentials

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Respond 503, or pass the request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        credentials = identify_client(scope)
        user = self._accounts.get(credentials, credentials)
        async with AsyncExitStack() as turns:
            try:
                if credentials:
                    await turns.enter_async_context(self._users.turn(user))
                await turns.enter_async_context(self._addresses.turn(find_address(scope)))
            except Busy as error:
                headers = {"Retry-After": str(error.seconds)}
                refusal = await self._refuse(Request(scope), BUSY, str(error), headers)
                await refusal(scope, receive, send)
                return

            async def count_as(account: str) -> None:
                self._remember(credentials, account)
                if account != user:
                    await turns.enter_async_context(self._users.turn(account))

            async def follow(message: Message) -> None:
                if _begins_events(message):
                    await turns.aclose()
                await send(message)

            scope.setdefault("state", {})["count_as"] = count_as
            await self._app(scope, receive, follow)

    def _remember(self, credentials: str, account: str) -> None:
        self._accounts[credentials] = account
        self._accounts.move_to_end(credentials)
        if len(self._accounts) > MAX_KEYS:
            self._accounts.popitem(last=False)


def _begins_events(message: Message) -> bool:
    if message["type"] != "http.response.start":
        return False
    return Headers(raw=message["headers"]).get("content-type", "").startswith(EVENTS)


def _make_busy() -> Busy:
    return Busy("Too many concurrent requests.", SECONDS)
