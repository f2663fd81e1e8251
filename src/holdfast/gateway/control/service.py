"""
The control plane's end of the control streams: it asks connected gateways to run probes.
"""

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

import grpc
import grpc.aio
import structlog

from holdfast.gateway.control.answers import (
    ANSWERS,
    MAX_ANSWER,
    AgentMessage,
    Closed,
    Connected,
    Failed,
    Headed,
    Result,
)
from holdfast.gateway.control.messages import METHOD, MalformedMessage, Message, read, write
from holdfast.gateway.control.reports import REPORTS, Report
from holdfast.gateway.control.requests import Connect, End, Head
from holdfast.gateway.control.states import GatewayStates
from holdfast.gateway.peer import Identify
from holdfast.gateway.probing.connection import Answer, HeadAnswer, NoAnswer, ProbeRejected
from holdfast.gateway.probing.resources import ProbeResources
from holdfast.work.budget import Budget

log = structlog.get_logger()
MAX_STREAMS = 4  # of one gateway: an agent that restarts, while its earlier streams time out
MAX_PROBES = 16  # of one gateway at once
MAX_UNSENT = 64  # messages; an agent that takes no more is disconnected
MESSAGES_PER_SECOND = 200
_KINDS: Mapping[str, type[AgentMessage | Report]] = {**ANSWERS, **REPORTS}


class Connection:
    """A gateway's answer and, if it connected, its connection to the backend, on which nothing is sent."""

    def __init__(self, answer: Answer, exchange: "_Exchange") -> None:
        self.answer = answer
        self._exchange = exchange

    async def ends_within(self, seconds: float) -> bool:
        """
        Return whether the backend closes the connection within *seconds*.

        Raises:
            NoAnswer: The gateway disconnected.
        """
        try:
            async with asyncio.timeout(seconds):
                await self._exchange.until_closed()
        except TimeoutError:
            return False
        return True


class Control:
    """The control streams of connected gateways. Lives on one event loop."""

    def __init__(
        self, identify: Identify, now: Callable[[], datetime], tell: Callable[[], None] = lambda: None
    ) -> None:
        """*tell* is called whenever a gateway connects or disconnects, or something else than its traffic changes."""
        self.states = GatewayStates()
        self._identify = identify
        self._now = now
        self._tell = tell
        self._streams: dict[str, list[_Stream]] = {}  # by gateway, the newest last

    def register(self, server: grpc.aio.Server) -> None:
        """Register the service with *server*."""
        service, _, method = METHOD.strip("/").partition("/")
        handlers = {method: grpc.stream_stream_rpc_method_handler(self._follow)}
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, handlers),))

    @property
    def gateways(self) -> list[str]:
        """The names of the connected gateways, sorted."""
        return sorted(self._streams)

    def streams(self, gateway: str) -> int:
        """Return the number of streams of *gateway*: more than one while earlier ones of its agent time out."""
        return len(self._streams.get(gateway, ()))

    @asynccontextmanager
    async def connect(self, gateway: str, probe: ProbeResources) -> AsyncIterator[Connection]:
        """
        Let *gateway* connect to the backend of *probe* until the block ends.

        Raises:
            NoAnswer: The gateway isn't connected, or its agent can't reach its Envoy.
            ProbeRejected: The gateway rejected the resources.
        """
        async with self._exchange(gateway, partial(Connect, resources=probe.resources)) as exchange:
            result = await exchange.result()
            if not isinstance(result, Connected):
                raise NoAnswer("The gateway sent another answer.")
            yield Connection(result.answer, exchange)

    async def head(self, gateway: str, probe: ProbeResources, path: str) -> HeadAnswer:
        """
        Let *gateway* send `HEAD` *path* to the backend of *probe*.

        Raises:
            NoAnswer: The gateway isn't connected, or its agent can't reach its Envoy.
            ProbeRejected: The gateway rejected the resources.
        """
        request = partial(Head, resources=probe.resources, authority=probe.authority, path=path)
        async with self._exchange(gateway, request) as exchange:
            result = await exchange.result()
            if not isinstance(result, Headed):
                raise NoAnswer("The gateway sent another answer.")
            return result.answer

    @asynccontextmanager
    async def _exchange(self, gateway: str, request: Callable[[int], Message]) -> "AsyncIterator[_Exchange]":
        if not (streams := self._streams.get(gateway)):
            raise NoAnswer(f"The gateway {gateway} isn't connected.")
        stream = streams[-1]
        if len(stream.exchanges) >= MAX_PROBES:
            raise NoAnswer(f"The gateway {gateway} runs too many probes.")
        number, exchange = next(stream.numbers), _Exchange(gateway)
        stream.exchanges[number] = exchange
        try:
            stream.send(request(number))
            yield exchange
        finally:
            del stream.exchanges[number]
            stream.send(End(number))

    async def _follow(self, messages: AsyncIterator[bytes], context: "grpc.aio.ServicerContext[bytes, bytes]") -> None:
        peer = self._identify(context)
        if peer is None:
            await context.abort(grpc.StatusCode.PERMISSION_DENIED, "This isn't the stream of a known gateway.")
        stream = _Stream(peer.name, self._take_report)
        await context.send_initial_metadata(())  # tells the agent that it is connected
        if self.streams(stream.gateway) >= MAX_STREAMS:
            await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "This gateway has too many control streams.")
        streams = self._streams.setdefault(stream.gateway, [])
        streams.append(stream)
        self.states.connect(peer, context.peer() or "", self._now())
        self._tell()
        log.info("gateway follows", gateway=stream.gateway)
        try:
            await stream.run(messages, context)
        finally:
            streams.remove(stream)
            if not streams:
                self._streams.pop(stream.gateway, None)
                self.states.disconnect(peer.name, self._now())
                self._tell()
            log.info("gateway no longer follows", gateway=stream.gateway)
        if stream.fault:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, stream.fault)

    def _take_report(self, gateway: str, report: Report) -> None:
        before = self.states.of(gateway)
        self.states.take(gateway, report, self._now())
        if before is None or before.report is None or before.report.differs_from(report):
            self._tell()


@dataclass(slots=True)
class _Exchange:
    """One request to a gateway, and what it has answered so far."""

    gateway: str
    answer: Result | None = None
    is_closed: bool = False
    is_lost: bool = False
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    def take(self, message: AgentMessage) -> None:
        if isinstance(message, Closed):
            self.is_closed = True
        elif self.answer is None:
            self.answer = message
        self._news.set()

    def lose(self) -> None:
        self.is_lost = True
        self._news.set()

    async def result(self) -> Result:
        """Wait for the result. Raises NoAnswer and ProbeRejected."""
        while self.answer is None:
            await self._wait()
        if not isinstance(self.answer, Failed):
            return self.answer
        raise ProbeRejected(self.answer.reason) if self.answer.rejected else NoAnswer(self.answer.reason)

    async def until_closed(self) -> None:
        """Wait until the backend closes the connection. Raises NoAnswer."""
        while not self.is_closed:
            await self._wait()

    async def _wait(self) -> None:
        if self.is_lost:
            raise NoAnswer(f"The gateway {self.gateway} disconnected.")
        await self._news.wait()
        self._news.clear()


class _Stream:
    """One control stream."""

    def __init__(self, gateway: str, take_report: Callable[[str, Report], None]) -> None:
        self.gateway = gateway
        self._take_report = take_report
        self.exchanges: dict[int, _Exchange] = {}
        self.numbers = itertools.count(1)
        self.fault = ""
        self._unsent: asyncio.Queue[bytes] = asyncio.Queue()
        self._is_lost = asyncio.Event()

    def send(self, message: Message) -> None:
        """Send *message* soon; disconnect an agent that takes no more."""
        if self._unsent.qsize() < MAX_UNSENT:
            self._unsent.put_nowait(write(message))
        else:
            self._is_lost.set()

    async def run(self, messages: AsyncIterator[bytes], context: "grpc.aio.ServicerContext[bytes, bytes]") -> None:
        """Read and write until the stream ends, which ends all exchanges on it."""
        parts = [self._read(messages), self._write(context), self._is_lost.wait()]
        tasks = [asyncio.ensure_future(part) for part in parts]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            for exchange in self.exchanges.values():
                exchange.lose()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _read(self, messages: AsyncIterator[bytes]) -> None:
        budget = Budget(MESSAGES_PER_SECOND)
        try:
            async for data in messages:
                await budget.spend(1)
                self._take(data)
        except MalformedMessage as error:
            self.fault = f"A message can't be read: {error}."
            log.warning("message of a gateway cannot be read", gateway=self.gateway, reason=str(error))

    async def _write(self, context: "grpc.aio.ServicerContext[bytes, bytes]") -> None:
        while True:
            await context.write(await self._unsent.get())

    def _take(self, data: bytes) -> None:
        message = read(data, _KINDS, MAX_ANSWER)
        if isinstance(message, Report):
            self._take_report(self.gateway, message)
        # What is late concerns a probe that has ended.
        elif message is not None and (exchange := self.exchanges.get(message.id)):
            exchange.take(message)
