"""
The control plane's end of the control streams: it asks connected gateways to run probes.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime
from functools import partial
from typing import TypeVar

import grpc
import grpc.aio
import structlog

from holdfast.gateway.control.answers import (
    ConnectResult,
    FailedHandshakeResult,
    HandshakeResult,
    HeadResult,
    ResolveResult,
    Result,
)
from holdfast.gateway.control.messages import METHOD
from holdfast.gateway.control.notices import ControlPlanes, Move
from holdfast.gateway.control.other_gateways import OtherGateways
from holdfast.gateway.control.reports import Report
from holdfast.gateway.control.requests import Connect, Head, ProbeBackend, Resolve, Task
from holdfast.gateway.control.states import GatewayStates
from holdfast.gateway.control.stream import ControlStream, Exchange
from holdfast.gateway.control.traffic import TrafficReport, TrafficStored
from holdfast.gateway.peer import Identify, Peer
from holdfast.gateway.probing.connection import Answer, HeadAnswer, NoAnswer
from holdfast.gateway.probing.resources import ProbeResources
from holdfast.network.addresses import Addresses
from holdfast.network.presentation import FailedHandshake, Handshake

log = structlog.get_logger()
R = TypeVar("R", bound=Result)
MAX_STREAMS = 4  # of one gateway: an agent that restarts, while its earlier streams time out
MAX_TASKS = 16  # of one gateway at once
_ANOTHER = "The gateway sent another answer."
# Stores what a gateway reports, and then calls the function, which tells it so.
TakeTraffic = Callable[[Peer, TrafficReport, Callable[[], None]], None]


def _ignore_traffic(_peer: Peer, _report: TrafficReport, _on_stored: Callable[[], None]) -> None:
    """Ignore the traffic of gateways; they keep it."""


class Connection:
    """A gateway's answer and, if it connected, its connection to the backend, on which nothing is sent."""

    def __init__(self, answer: Answer, exchange: Exchange) -> None:
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
                await self._exchange.wait_until_closed()
        except TimeoutError:
            return False
        return True


class Control:
    """
    The control streams of connected gateways. Lives on one event loop.

    Gateways that follow other control planes can be asked, too.
    """

    def __init__(
        self, identify: Identify, now: Callable[[], datetime], tell: Callable[[], None] = lambda: None
    ) -> None:
        """*tell* is called whenever a gateway connects or disconnects, or something else than its traffic changes."""
        self.states = GatewayStates()
        self.others: OtherGateways | None = None  # None: there are no other control planes
        self.take_traffic: TakeTraffic = _ignore_traffic
        self._identify = identify
        self._now = now
        self._tell = tell
        self._streams: dict[str, list[ControlStream]] = {}  # by gateway, the newest last
        self._announced: ControlPlanes | None = None

    def register(self, server: grpc.aio.Server) -> None:
        """Register the service with *server*."""
        service, _, method = METHOD.strip("/").partition("/")
        handlers = {method: grpc.stream_stream_rpc_method_handler(self._follow)}
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, handlers),))

    @property
    def gateways(self) -> list[str]:
        """The names of the gateways that follow this control plane, sorted."""
        return sorted(self._streams)

    @property
    def remote_gateways(self) -> list[str]:
        """The names of the connected gateways on other machines, sorted."""
        return [
            name for name in self.gateways if (state := self.states.find(name)) and not state.peer.is_on_this_machine
        ]

    def announce(self, control_planes: ControlPlanes) -> None:
        """Send *control_planes* to the gateways on other machines, those that are connected and those that will be."""
        self._announced = control_planes
        for gateway in self.remote_gateways:
            self._streams[gateway][-1].send(control_planes)

    def move(self, gateway: str, addresses: Addresses) -> None:
        """Ask *gateway*, if it is connected, to connect to another control plane, preferably at one of *addresses*."""
        for stream in self._streams.get(gateway, ())[-1:]:
            stream.send(Move(addresses))

    @property
    def all_gateways(self) -> list[str]:
        """The names of all connected gateways: first those that follow this control plane, then the others."""
        others = sorted(set(self.others.gateways) - self._streams.keys()) if self.others else []
        return self.gateways + others

    def count_streams(self, gateway: str) -> int:
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
        request = partial(Connect, resources=probe.resources)
        async with self._exchange(gateway, request, probe.identity) as exchange:
            result = await exchange.wait_for_result()
            if not isinstance(result, ConnectResult):
                raise NoAnswer(_ANOTHER)
            yield Connection(result.answer, exchange)

    async def send_head(self, gateway: str, probe: ProbeResources, path: str) -> HeadAnswer:
        """
        Let *gateway* send `HEAD` *path* to the backend of *probe*.

        Raises:
            NoAnswer: The gateway isn't connected, or its agent can't reach its Envoy.
            ProbeRejected: The gateway rejected the resources.
        """
        request = partial(Head, resources=probe.resources, authority=probe.authority, path=path)
        return (await self._ask(gateway, request, HeadResult, probe.identity)).answer

    async def resolve(self, gateway: str, host: str) -> ResolveResult:
        """Let the machine of *gateway* resolve *host*. Raises NoAnswer."""
        return await self._ask(gateway, partial(Resolve, host=host), ResolveResult)

    async def probe_backend(
        self, gateway: str, addresses: Sequence[str], port: int, server_name: str, seconds: float
    ) -> Handshake | FailedHandshake:
        """Let the machine of *gateway* do what `network.backend.shake_hands` does. Raises NoAnswer."""
        request = partial(ProbeBackend, addresses=tuple(addresses), port=port, server_name=server_name, seconds=seconds)
        async with self._exchange(gateway, request) as exchange:
            match await exchange.wait_for_result():
                case HandshakeResult(_, handshake):
                    return handshake
                case FailedHandshakeResult(_, failed_handshake):
                    return failed_handshake
        raise NoAnswer(_ANOTHER)

    async def _ask(self, gateway: str, request: Callable[[int], Task], kind: type[R], identity: str = "") -> R:
        async with self._exchange(gateway, request, identity) as exchange:
            result = await exchange.wait_for_result()
            if not isinstance(result, kind):
                raise NoAnswer(_ANOTHER)
            return result

    def _exchange(
        self, gateway: str, request: Callable[[int], Task], identity: str = ""
    ) -> AbstractAsyncContextManager[Exchange]:
        if gateway not in self._streams and self.others and gateway in self.others.gateways:
            return self.others.exchange(gateway, request(0), identity)
        return self.exchange(gateway, request)

    def exchange(self, gateway: str, request: Callable[[int], Task]) -> AbstractAsyncContextManager[Exchange]:
        """Let *gateway*, which follows this control plane, do a task until the block ends. Raises NoAnswer."""
        if not (streams := self._streams.get(gateway)):
            raise NoAnswer(f"The gateway {gateway} isn't connected.")
        if streams[-1].running >= MAX_TASKS:
            raise NoAnswer(f"The gateway {gateway} runs too many probes.")
        return streams[-1].exchange(request)

    async def _follow(self, messages: AsyncIterator[bytes], context: "grpc.aio.ServicerContext[bytes, bytes]") -> None:
        peer = self._identify(context)
        if peer is None:
            await context.abort(grpc.StatusCode.PERMISSION_DENIED, "This isn't the stream of a known gateway.")

        def take_traffic(report: TrafficReport) -> None:
            self.take_traffic(peer, report, lambda: stream.send(TrafficStored(report.part.number)))

        stream = ControlStream(peer.name, self._take_report, take_traffic)
        await context.send_initial_metadata(())  # tells the agent that it is connected
        if self.count_streams(stream.gateway) >= MAX_STREAMS:
            await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "This gateway has too many control streams.")
        streams = self._streams.setdefault(stream.gateway, [])
        streams.append(stream)
        if self.others:
            self.others.lose(stream.gateway)
        self.states.connect(peer, context.peer() or "", self._now())
        self._tell()
        if self._announced and not peer.is_on_this_machine:
            stream.send(self._announced)
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
        before = self.states.find(gateway)
        self.states.take(gateway, report, self._now())
        if before is None or before.report is None or before.report.differs_from(report):
            self._tell()
