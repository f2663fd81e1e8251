"""
The agent's end of the control stream: it runs the probes that the control plane asks for.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress

import grpc.aio
import structlog

from holdfast.gateway.control.answers import Closed, Connected, Failed, Headed
from holdfast.gateway.control.lookout import Lookout
from holdfast.gateway.control.messages import METHOD, MalformedMessage, Message, read, write
from holdfast.gateway.control.probes import EnvoyProbes
from holdfast.gateway.control.reports import EVERY, Report
from holdfast.gateway.control.requests import (
    MAX_REQUEST,
    MAX_SECONDS,
    REQUESTS,
    Connect,
    End,
    Head,
    Look,
    Resolve,
    Task,
)
from holdfast.gateway.probing.connection import NoAnswer, ProbeRejected

log = structlog.get_logger()
SOON = 1.0  # seconds from the first report to the second: at the start, much changes
MAX_PROBES = 16  # at once
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 5.0  # seconds before the stream is opened again


class ControlClient:
    """Follows the control plane, runs its probes and reports to it. Lives on one event loop."""

    def __init__(self, probes: EnvoyProbes, report: Callable[[], Awaitable[Report]] | None = None) -> None:
        """*report* builds a report."""
        self._probes = probes
        self._lookout = Lookout()
        self._report = report

    async def keep(self, channel: grpc.aio.Channel) -> None:
        """Follow the control plane at the other end of *channel*, until cancelled."""
        loop, pause = asyncio.get_running_loop(), FIRST_PAUSE
        while True:
            began = loop.time()
            try:
                await self.follow(channel)
            except MalformedMessage as error:
                log.error("message of the control plane cannot be read", reason=str(error))
            # A rejected stream begins like any other, and ends at once.
            if loop.time() - began > LONGEST_PAUSE:
                pause = FIRST_PAUSE
            # Gateways that lost their control plane at the same moment must not return at the same moment.
            await asyncio.sleep(pause * random.uniform(0.5, 1))  # noqa: S311
            pause = min(pause * 2, LONGEST_PAUSE)

    async def follow(self, channel: grpc.aio.Channel) -> None:
        """
        Follow until the stream ends, which cancels all probes.

        Raises:
            MalformedMessage: The control plane sent something that can't be read.
        """
        stream = _Stream(self._probes, self._lookout)
        call = channel.stream_stream(METHOD, None, None)(None, wait_for_ready=True)
        sending = asyncio.create_task(stream.send(call))
        try:
            await call.initial_metadata()
            if self._report:
                stream.begin_reporting(self._report)
            async for data in call:
                stream.take(data)
        except grpc.aio.AioRpcError as error:
            log.debug("control stream ended", code=error.code().name, details=error.details())
        finally:
            sending.cancel()
            call.cancel()
            await stream.end()


class _Stream:
    def __init__(self, probes: EnvoyProbes, lookout: Lookout) -> None:
        self._probes = probes
        self._lookout = lookout
        self._queue: asyncio.Queue[Message] = asyncio.Queue()
        self._running: dict[int, asyncio.Task[None]] = {}
        self._reporting: asyncio.Task[None] | None = None

    async def send(self, call: "grpc.aio.StreamStreamCall[bytes, bytes]") -> None:
        """Send messages until the stream ends. A generator of messages would be left running by grpc."""
        with suppress(grpc.aio.AioRpcError, asyncio.InvalidStateError):  # the reader gets the reason
            while True:
                await call.write(write(await self._queue.get()))

    def begin_reporting(self, build: Callable[[], Awaitable[Report]]) -> None:
        self._reporting = asyncio.create_task(self._report(build))

    async def _report(self, build: Callable[[], Awaitable[Report]]) -> None:
        pause = SOON
        while True:
            try:
                report = await build()
                if self._queue.empty():  # else the control plane takes nothing
                    self._queue.put_nowait(report)
            except Exception:
                # The control stream has other uses.
                log.exception("report failed")
            await asyncio.sleep(pause)
            pause = min(pause * 2, EVERY)

    def take(self, data: bytes) -> None:
        request = read(data, REQUESTS, MAX_REQUEST)
        if isinstance(request, End):
            if running := self._running.get(request.id):
                running.cancel()
        elif request is not None:
            self._begin(request)

    def _begin(self, task: Task) -> None:
        if len(self._running) >= MAX_PROBES or task.id in self._running:
            self._queue.put_nowait(Failed(task.id, False, "The gateway runs too many probes."))
            return
        running = self._running[task.id] = asyncio.create_task(self._run(task))
        running.add_done_callback(lambda _: self._running.pop(task.id))

    async def _run(self, task: Task) -> None:
        try:
            async with asyncio.timeout(MAX_SECONDS):
                await self._do(task)
        except ProbeRejected as error:
            self._queue.put_nowait(Failed(task.id, True, str(error)))
        except (NoAnswer, TimeoutError) as error:
            self._queue.put_nowait(Failed(task.id, False, str(error) or "Envoy didn't answer in time."))
        except Exception:
            # One probe must not end the others.
            log.exception("probe failed")
            self._queue.put_nowait(Failed(task.id, False, "The gateway's agent failed; its log says why."))

    async def _do(self, task: Task) -> None:
        match task:
            case Connect():
                await self._connect(task)
            case Head():
                self._queue.put_nowait(Headed(task.id, await self._probes.head(task)))
            case Resolve():
                self._queue.put_nowait(await self._lookout.resolve(task))
            case Look():
                self._queue.put_nowait(await self._lookout.look(task))

    async def _connect(self, probe: Connect) -> None:
        async with self._probes.connect(probe) as connection:
            self._queue.put_nowait(Connected(probe.id, connection.answer))
            if connection.answer.connected:
                await connection.until_closed()
                self._queue.put_nowait(Closed(probe.id))

    async def end(self) -> None:
        """Cancel all probes, and wait until their resources are removed."""
        running = [*self._running.values(), *filter(None, [self._reporting])]
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
