"""
The gateway that can be asked about backends: given what a question needs, asked, and relieved of it again.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

from holdfast.gateway.discovery.cache import Cache, Gateway
from holdfast.gateway.probing.asking import Connection, HeadAnswer, NoAnswer, ask_head, connection
from holdfast.gateway.probing.resources import Question
from holdfast.services.publishing.enforcement import FIRST_LOOK, LONGEST_LOOK, Warming

T = TypeVar("T")


class QuestionRefused(RuntimeError):
    """The gateway does not take what the question needs; the text is its own."""


class EmbeddedGateway:
    """
    The gateway called *gateway*, which takes questions on *socket*. Lives on one event loop.

    What a question needs is at the gateways only while it is asked.
    """

    def __init__(self, cache: Cache, gateway: str, socket: Path, warming: Warming) -> None:
        self._cache = cache
        self._gateway = gateway
        self._socket = socket
        self._warming = warming

    async def ask(self, asked: Question, judge: Callable[[Connection], Awaitable[T]]) -> T:
        """
        Let the gateway connect to the backend of *asked*, and give what *judge* makes of that.

        Raises:
            NoAnswer: It cannot be asked.
            QuestionRefused: It does not take the question.
        """
        async with self._given(asked), connection(self._socket, asked.cluster.name) as made:
            return await judge(made)

    async def head(self, asked: Question, path: str) -> HeadAnswer:
        """
        Let the gateway send `HEAD` *path* to the backend of *asked*.

        Raises:
            NoAnswer: It cannot be asked.
            QuestionRefused: It does not take the question.
        """
        async with self._given(asked):
            return await ask_head(self._socket, asked.cluster.name, asked.authority, path)

    @asynccontextmanager
    async def _given(self, asked: Question) -> AsyncIterator[None]:
        self._cache.apply([*asked.secrets, asked.cluster])
        try:
            await self._until_used(asked)
            yield
        finally:
            self._cache.apply([], asked.keys)

    async def _until_used(self, asked: Question) -> None:
        """Wait until the gateway uses what the question needs."""
        observer = self._cache.observe()
        try:
            while not self._acknowledged(asked):
                self._raise_refusal(asked)
                await observer.wait()
                observer.clear()
        finally:
            self._cache.stop_observing(observer)
        pause = FIRST_LOOK
        while (warming := await self._warming()) is None or asked.cluster.name in warming:
            self._raise_refusal(asked)
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_LOOK)

    def _acknowledged(self, asked: Question) -> bool:
        if not self._gateways:
            raise NoAnswer("No gateway is connected.")
        return any(gateway.has(asked.keys[0], asked.cluster.version) for gateway in self._gateways)

    def _raise_refusal(self, asked: Question) -> None:
        refused = (gateway.rejected.get(key) for gateway in self._gateways for key in asked.keys)
        if rejection := next(filter(None, refused), None):
            raise QuestionRefused(rejection.message)

    @property
    def _gateways(self) -> list[Gateway]:
        return [gateway for gateway in self._cache.gateways if gateway.id == self._gateway]
