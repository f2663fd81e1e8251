"""
One control stream at the control plane's end: what is asked on it, and what the agent answers.
"""

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import grpc.aio
import structlog

from holdfast.gateway.control.answers import ANSWERS, MAX_ANSWER, AgentMessage, ConnectionEnd, ProbeFailure, Result
from holdfast.gateway.control.messages import MalformedMessage, Message, read, write
from holdfast.gateway.control.reports import REPORTS, Report
from holdfast.gateway.control.requests import End
from holdfast.gateway.control.traffic import TrafficReport
from holdfast.gateway.probing.connection import NoAnswer, ProbeRejected
from holdfast.work.budget import Budget

log = structlog.get_logger()
MAX_UNSENT = 32 * 1024 * 1024  # bytes; an agent that takes no more is disconnected
PER_SECOND, PIECE = 400, 4096  # messages that are read, where each PIECE bytes count as another one
_KINDS: Mapping[str, type[AgentMessage | Report | TrafficReport]] = {
    **ANSWERS,
    **REPORTS,
    TrafficReport.KIND: TrafficReport,
}


@dataclass(slots=True, eq=False)
class Exchange:
    """One request to a gateway, and what it has answered so far."""

    gateway: str
    answer: Result | None = None
    is_closed: bool = False
    is_lost: bool = False
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    def take(self, message: AgentMessage) -> None:
        """Take a message of the gateway: the first answer counts."""
        if isinstance(message, ConnectionEnd):
            self.is_closed = True
        elif self.answer is None:
            self.answer = message
        self._news.set()

    def lose(self) -> None:
        """End it without an answer, because the gateway's stream has ended."""
        self.is_lost = True
        self._news.set()

    async def wait_for_result(self) -> Result:
        """Wait for the result. Raises NoAnswer and ProbeRejected."""
        while self.answer is None:
            await self._wait()
        if not isinstance(self.answer, ProbeFailure):
            return self.answer
        raise ProbeRejected(self.answer.reason) if self.answer.rejected else NoAnswer(self.answer.reason)

    async def wait_until_closed(self) -> None:
        """Wait until the backend closes the connection. Raises NoAnswer."""
        while not self.is_closed:
            await self._wait()

    async def _wait(self) -> None:
        if self.is_lost:
            raise NoAnswer(f"The gateway {self.gateway} disconnected.")
        await self._news.wait()
        self._news.clear()


class ControlStream:
    """One control stream."""

    def __init__(
        self,
        gateway: str,
        take_report: Callable[[str, Report], None],
        take_traffic: Callable[[TrafficReport], None],
    ) -> None:
        self._take_traffic = take_traffic
        self.gateway = gateway
        self._take_report = take_report
        self._exchanges: dict[int, Exchange] = {}
        self._numbers = itertools.count(1)
        self.fault = ""  # why the stream is ended
        self._unsent: asyncio.Queue[bytes] = asyncio.Queue()
        self._unsent_size = 0
        self._is_lost = asyncio.Event()

    @asynccontextmanager
    async def exchange(self, request: Callable[[int], Message]) -> AsyncIterator[Exchange]:
        """Send the *request* with a new number, and provide its exchange until the block ends, which ends the task."""
        number, exchange = next(self._numbers), Exchange(self.gateway, is_lost=self._is_lost.is_set())
        self._exchanges[number] = exchange
        self.send(request(number))
        try:
            yield exchange
        finally:
            del self._exchanges[number]
            self.send(End(number))

    @property
    def running(self) -> int:
        """The number of tasks that haven't ended."""
        return len(self._exchanges)

    def send(self, message: Message) -> None:
        """Send *message* soon; disconnect an agent that takes no more."""
        data = write(message)
        self._unsent_size += len(data)
        if self._unsent_size <= MAX_UNSENT:
            self._unsent.put_nowait(data)
        else:
            self._is_lost.set()

    async def run(self, messages: AsyncIterator[bytes], context: "grpc.aio.ServicerContext[bytes, bytes]") -> None:
        """Read and write until the stream ends, which ends all exchanges on it."""
        parts = [self._read(messages), self._write(context), self._is_lost.wait()]
        tasks = [asyncio.ensure_future(part) for part in parts]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._is_lost.set()
            for task in tasks:
                task.cancel()
            for exchange in self._exchanges.values():
                exchange.lose()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _read(self, messages: AsyncIterator[bytes]) -> None:
        budget = Budget(PER_SECOND)
        try:
            async for data in messages:
                await budget.spend(1 + len(data) // PIECE)
                self._take(data)
        except MalformedMessage as error:
            self.fault = f"A message can't be read: {error}."
            log.warning("message of a gateway cannot be read", gateway=self.gateway, reason=str(error))

    async def _write(self, context: "grpc.aio.ServicerContext[bytes, bytes]") -> None:
        while True:
            data = await self._unsent.get()
            await context.write(data)
            self._unsent_size -= len(data)

    def _take(self, data: bytes) -> None:
        message = read(data, _KINDS, MAX_ANSWER)
        if isinstance(message, Report):
            self._take_report(self.gateway, message)
        elif isinstance(message, TrafficReport):
            self._take_traffic(message)
        # What is late concerns a probe that has ended.
        elif message is not None and (exchange := self._exchanges.get(message.id)):
            exchange.take(message)
