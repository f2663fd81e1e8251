"""
The agent's end of the control stream: it runs the probes that the control plane asks for.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress

import grpc
import grpc.aio
import structlog

from holdfast.gateway.control.answers import ConnectionEnd, ConnectResult, HeadResult, ProbeFailure
from holdfast.gateway.control.backend_probes import BackendProbes
from holdfast.gateway.control.messages import METHOD, MalformedMessage, Message, read, write
from holdfast.gateway.control.notices import NOTICES, Notice
from holdfast.gateway.control.probes import EnvoyProbes
from holdfast.gateway.control.reports import EVERY, Report
from holdfast.gateway.control.requests import (
    MAX_REQUEST,
    MAX_SECONDS,
    REQUESTS,
    Connect,
    End,
    Head,
    ProbeBackend,
    Request,
    Resolve,
    Task,
)
from holdfast.gateway.control.traffic import TrafficReport, TrafficStored
from holdfast.gateway.probing.connection import NoAnswer, ProbeRejected
from holdfast.gateway.receiving import receive
from holdfast.gateway.traffic.recorder import TrafficRecorder

log = structlog.get_logger()
SOON = 1.0  # seconds from the first report to the second: at the start, much changes
MAX_PROBES = 16  # at once
ACCEPTS_WITHIN = 5.0  # seconds
STORED_WITHIN = 30.0  # seconds, after which a part of the traffic is sent again
_KINDS: Mapping[str, type[Request | Notice | TrafficStored]] = {
    **REQUESTS,
    **NOTICES,
    TrafficStored.KIND: TrafficStored,
}
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 5.0  # seconds before the stream is opened again


class ControlClient:
    """Follows the control plane, runs its probes and reports to it. Lives on one event loop."""

    def __init__(
        self,
        probes: EnvoyProbes,
        report: Callable[[], Awaitable[Report]] | None = None,
        notify: Callable[[Notice], None] = lambda _: None,
        on_loss: Callable[[], None] = lambda: None,
        traffic: TrafficRecorder | None = None,
        report_soon: asyncio.Event | None = None,
    ) -> None:
        """
        *report* builds a report; *notify* is called with the notices of the control plane; *traffic* is reported.
        While *report_soon* is set, the next report doesn't wait until its time.

        *on_loss* is called if the connection ends, in case nothing else uses it, such as while no Envoy runs.
        """
        self._probes = probes
        self._notify = notify
        self._on_loss = on_loss
        self._backend_probes = BackendProbes()
        self._report = report
        self._traffic = traffic
        self._report_soon = report_soon or asyncio.Event()

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
        stream = _Stream(self._probes, self._backend_probes, self._notify, self._traffic)
        call = channel.stream_stream(METHOD, None, None)(None, wait_for_ready=True)
        sending = asyncio.create_task(stream.send(call))
        try:
            await call.initial_metadata()
            stream.begin_reporting(self._report, self._report_soon)
            async for data in receive(call):
                stream.take(data)
        except grpc.aio.AioRpcError as error:
            log.debug("control stream ended", code=error.code().name, details=error.details())
            if error.code() is grpc.StatusCode.UNAVAILABLE:
                self._on_loss()
        finally:
            sending.cancel()
            call.cancel()
            await stream.end()


async def does_accept(channel: grpc.aio.Channel) -> bool:
    """Return whether the control plane at the other end of *channel* accepts streams of this gateway."""
    call = channel.stream_stream(METHOD, None, None)(None, timeout=ACCEPTS_WITHIN)
    try:
        await call.initial_metadata()
        return not call.done()
    except grpc.aio.AioRpcError:
        return False
    finally:
        call.cancel()


class _Stream:
    def __init__(
        self,
        probes: EnvoyProbes,
        backend_probes: BackendProbes,
        notify: Callable[[Notice], None],
        traffic: TrafficRecorder | None,
    ) -> None:
        self._traffic = traffic
        self._stored = asyncio.Event()  # the last part of the traffic
        self._probes = probes
        self._backend_probes = backend_probes
        self._notify = notify
        self._queue: asyncio.Queue[Message] = asyncio.Queue()
        self._running: dict[int, asyncio.Task[None]] = {}
        self._reporting: list[asyncio.Task[None]] = []

    async def send(self, call: "grpc.aio.StreamStreamCall[bytes, bytes]") -> None:
        """Send messages until the stream ends. A generator of messages would be left running by grpc."""
        with suppress(grpc.aio.AioRpcError, asyncio.InvalidStateError):  # the reader gets the reason
            while True:
                await call.write(write(await self._queue.get()))

    def begin_reporting(self, build: Callable[[], Awaitable[Report]] | None, soon: asyncio.Event) -> None:
        if build:
            self._reporting.append(asyncio.create_task(self._report(build, soon)))
        if self._traffic:
            self._reporting.append(asyncio.create_task(self._report_traffic(self._traffic)))

    async def _report_traffic(self, traffic: TrafficRecorder) -> None:
        """Send one part after the other, each until it is stored."""
        while True:
            part = await traffic.next_part()
            self._stored.clear()
            self._queue.put_nowait(TrafficReport(traffic.source, part))
            with suppress(TimeoutError):
                async with asyncio.timeout(STORED_WITHIN):
                    await self._stored.wait()

    async def _report(self, build: Callable[[], Awaitable[Report]], soon: asyncio.Event) -> None:
        pause = SOON
        while True:
            soon.clear()
            try:
                report = await build()
                if self._queue.empty():  # else the control plane takes nothing
                    self._queue.put_nowait(report)
            except Exception:
                # The control stream has other uses.
                log.exception("report failed")
            await asyncio.sleep(SOON)
            with suppress(TimeoutError):
                async with asyncio.timeout(pause - SOON):
                    await soon.wait()
            pause = min(pause * 2, EVERY)

    def take(self, data: bytes) -> None:
        message = read(data, _KINDS, MAX_REQUEST)
        if isinstance(message, TrafficStored):
            if self._traffic:
                self._traffic.acknowledge(message.number)
            self._stored.set()
        elif isinstance(message, Notice):
            self._notify(message)
        elif isinstance(message, End):
            if running := self._running.get(message.id):
                running.cancel()
        elif message is not None:
            self._begin(message)

    def _begin(self, task: Task) -> None:
        if len(self._running) >= MAX_PROBES or task.id in self._running:
            self._queue.put_nowait(ProbeFailure(task.id, False, "The gateway runs too many probes."))
            return
        running = self._running[task.id] = asyncio.create_task(self._run(task))
        running.add_done_callback(lambda _: self._running.pop(task.id))

    async def _run(self, task: Task) -> None:
        try:
            async with asyncio.timeout(MAX_SECONDS):
                await self._do(task)
        except ProbeRejected as error:
            self._queue.put_nowait(ProbeFailure(task.id, True, str(error)))
        except (NoAnswer, TimeoutError) as error:
            self._queue.put_nowait(ProbeFailure(task.id, False, str(error) or "Envoy didn't answer in time."))
        except Exception:
            # One probe must not end the others.
            log.exception("probe failed")
            self._queue.put_nowait(ProbeFailure(task.id, False, "The gateway's agent failed; its log says why."))

    async def _do(self, task: Task) -> None:
        match task:
            case Connect():
                await self._connect(task)
            case Head():
                self._queue.put_nowait(HeadResult(task.id, await self._probes.send_head(task)))
            case Resolve():
                self._queue.put_nowait(await self._backend_probes.resolve(task))
            case ProbeBackend():
                self._queue.put_nowait(await self._backend_probes.probe(task))

    async def _connect(self, probe: Connect) -> None:
        async with self._probes.connect(probe) as connection:
            self._queue.put_nowait(ConnectResult(probe.id, connection.answer))
            if connection.answer.connected:
                await connection.wait_until_closed()
                self._queue.put_nowait(ConnectionEnd(probe.id))

    async def end(self) -> None:
        """Cancel all probes, and wait until their resources are removed."""
        running = [*self._running.values(), *self._reporting]
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
