"""
How many requests of one user, and from one address, are worked on at the same time.
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
from holdfast.server.doors import Refuse
from holdfast.server.rate_limit import MAX_KEYS, address_of, identify_client

# Handlers share 40 threads (anyio's default), so no user and no address gets all of them.
OF_USER = 10
OF_ADDRESS = 30
MAX_WAITING = 100  # more of one user or address, which wait without a thread
PATIENCE = 10.0  # seconds that each waits
SECONDS = 2  # until the next attempt
EVENTS = "text/event-stream"


@dataclass(slots=True)
class _Line:
    turns: asyncio.Semaphore
    members: int = 0


class Lines:
    """For each key, *most* turns at a time; others wait in a line, in the order of their arrival."""

    def __init__(self, most: int, waiting: int = MAX_WAITING, patience: float = PATIENCE) -> None:
        self._most, self._waiting, self._patience = most, waiting, patience
        self._lines: dict[str, _Line] = {}

    def __len__(self) -> int:
        """Count the keys that anybody has a turn of, or waits for."""
        return len(self._lines)

    @asynccontextmanager
    async def turn(self, key: str) -> AsyncIterator[None]:
        """Wait for a turn of *key*, which lasts until the block ends. Raises Busy."""
        line = self._lines.setdefault(key, _Line(asyncio.Semaphore(self._most)))
        if line.members >= self._most + self._waiting:
            raise _busy()
        line.members += 1
        try:
            try:
                async with asyncio.timeout(self._patience):
                    await line.turns.acquire()
            except TimeoutError as error:
                raise _busy() from error
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
    Works on few requests of one user and of one address at a time, lets others wait, and answers 503 when too many do.

    A user is known by what they show until the door has verified it, then by who they are, whatever else they show:
    `request.state.count_as` waits for a turn of theirs. Events count only until they begin: they occupy no thread, and
    web/publishing/live.py bounds them.
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
        self._accounts: OrderedDict[str, str] = OrderedDict()  # by what was shown

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 503 or pass the request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        shown = identify_client(scope)
        user = self._accounts.get(shown, shown)
        async with AsyncExitStack() as turns:
            try:
                if shown:
                    await turns.enter_async_context(self._users.turn(user))
                await turns.enter_async_context(self._addresses.turn(address_of(scope)))
            except Busy as error:
                headers = {"Retry-After": str(error.seconds)}
                refusal = await self._refuse(Request(scope), BUSY, str(error), headers)
                await refusal(scope, receive, send)
                return

            async def count_as(account: str) -> None:
                self._remember(shown, account)
                if account != user:
                    await turns.enter_async_context(self._users.turn(account))

            async def follow(message: Message) -> None:
                if _begins_events(message):
                    await turns.aclose()
                await send(message)

            scope.setdefault("state", {})["count_as"] = count_as
            await self._app(scope, receive, follow)

    def _remember(self, shown: str, account: str) -> None:
        self._accounts[shown] = account
        self._accounts.move_to_end(shown)
        if len(self._accounts) > MAX_KEYS:
            self._accounts.popitem(last=False)


def _begins_events(message: Message) -> bool:
    if message["type"] != "http.response.start":
        return False
    return Headers(raw=message["headers"]).get("content-type", "").startswith(EVENTS)


def _busy() -> Busy:
    return Busy("Too many of your requests are being worked on.", SECONDS)
