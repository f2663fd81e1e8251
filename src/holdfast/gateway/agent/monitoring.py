"""
Health checks and metrics of a gateway over HTTP: `/livez`, `/readyz` and `/metrics`.

They answer anyone who can connect, without sign-in, and contain neither names of APIs nor secrets.
"""

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import chain

from holdfast.gateway.agent.in_force import EnvoyProgress
from holdfast.gateway.agent.metrics import Metric, MetricKind, read_metrics
from holdfast.gateway.agent.reporter import Reporter
from holdfast.gateway.control.reports import Report
from holdfast.gateway.discovery.cache import Cache, Gateway
from holdfast.gateway.resources.resource import CLUSTER, LISTENER, ROUTES, Resource

LIVE, READY, METRICS = "/livez", "/readyz", "/metrics"
MAX_REQUEST = 8192  # bytes of a request's line and headers
MAX_CONNECTIONS = 20  # at the same time; the next one closes the one that was opened first
WITHIN = 5.0  # seconds for a request and its response
INITIALIZED_WITHIN = 60.0  # seconds after which a resource that Envoy doesn't answer keeps no one out of service
_REASONS = {200: "OK", 400: "Bad Request", 404: "Not Found", 405: "Method Not Allowed", 503: "Service Unavailable"}
_KINDS = {
    MetricKind.GAUGE: "gauge",
    MetricKind.AGENT_COUNTER: "counter",
    MetricKind.ENVOY_COUNTER: "counter",
    MetricKind.INFO: "info",
}  # as Prometheus names them
_Key = tuple[int, float]  # an Envoy, and when it connected
_JSON, _TEXT = "application/json", "text/plain; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Answer:
    """A response: its status, the type of its content, and the content."""

    status: int
    content_type: str = _TEXT
    content: bytes = b""


class Monitoring:
    """Answers requests about one gateway. Lives on one event loop."""

    def __init__(
        self,
        cache: Cache,
        in_force: EnvoyProgress,
        reporter: Reporter,
        now: Callable[[], datetime],
        is_complete: Callable[[], bool],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """
        *is_complete* returns whether *cache* has everything that the gateway serves at first.

        *clock* is monotonic, unlike *now*.
        """
        self._cache = cache
        self._in_force = in_force
        self._reporter = reporter
        self._now = now
        self._is_complete = is_complete
        self._clock = clock
        self._initialized: set[_Key] = set()  # see `_find_initialized`
        self._open: dict[asyncio.Timeout, None] = {}  # the deadline of each connection, the first to be opened first
        self._one_report = asyncio.Lock()  # reading Envoy's counters stops its main thread for a moment

    @asynccontextmanager
    async def serve(self, sockets: Iterable[socket.socket]) -> AsyncIterator[None]:
        """Answer on *sockets*, which listen, until the block ends."""
        servers = [
            await asyncio.start_server(self._connect, sock=listening_socket, limit=MAX_REQUEST)
            for listening_socket in sockets
        ]
        try:
            yield
        finally:
            for server in servers:
                server.close()

    def find_failing(self) -> list[str]:
        """Return what keeps the gateway from serving callers: `Envoy`, `configuration` or `listeners`."""
        if not self._in_force.envoys:
            return ["Envoy"]
        listeners = self._cache.get_resources(LISTENER)
        if not listeners or not self._is_complete():
            return ["configuration"]
        # During a hot restart, the old Envoy serves callers until the new one does, but not if that can't listen.
        listening = [_find_key(candidate) for candidate in self._in_force.envoys if self._listens(candidate)]
        newest = max(self._in_force.envoys, key=lambda envoy: envoy.restart_epoch)
        if not listening or any((LISTENER, name) in newest.rejected for name in listeners):
            return ["listeners"]
        return ["configuration"] if self._find_initialized().isdisjoint(listening) else []

    def _listens(self, envoy: Gateway) -> bool:
        return all(self._in_force.uses(envoy, resource) for resource in self._cache.get_resources(LISTENER).values())

    def _find_initialized(self) -> set[_Key]:
        """
        Return the connected Envoys that have once answered for all of their initial state, or had a minute for it.

        An Envoy accepts connections before: with thousands of APIs, routes arrive in pieces after the listeners.
        """
        envoys = {_find_key(envoy): envoy for envoy in self._in_force.envoys}
        self._initialized &= envoys.keys()
        for key in envoys.keys() - self._initialized:
            is_late = self._clock() - envoys[key].seen > INITIALIZED_WITHIN
            if is_late or self._has_answered(envoys[key]):
                self._initialized.add(key)
        return self._initialized

    def _has_answered(self, envoy: Gateway) -> bool:
        resources = chain.from_iterable(self._cache.get_resources(type_url).values() for type_url in (CLUSTER, ROUTES))
        return not envoy.behind and all(_is_answered(envoy, resource) for resource in resources)

    async def answer(self, method: str, path: str) -> Answer:
        """Return the response to a request."""
        if path not in {LIVE, READY, METRICS}:
            return Answer(404)
        if method not in {"GET", "HEAD"}:
            return Answer(405)
        if path == LIVE:
            return Answer(200, _JSON, b'{"status": "ok"}')
        failing = self.find_failing()
        if path == READY:
            body: dict[str, object] = {"status": "unavailable", "failing": failing} if failing else {"status": "ok"}
            if parts := self._list_degraded_parts():
                body["degraded"] = parts
            return Answer(503 if failing else 200, _JSON, json.dumps(body).encode())
        _, metrics = await self.read()
        return _expose(metrics)

    async def read(self) -> tuple[Report, Sequence[Metric]]:
        """Return a report of the gateway, and the metrics in it."""
        async with self._one_report:
            report = await self._reporter.build()
        return report, list(read_metrics(report, self._now(), is_ready=not self.find_failing()))

    def _list_degraded_parts(self) -> list[str]:
        """Return what needs attention although callers are served."""
        kinds = {problem.kind.value for problem in self._reporter.list_problems()}
        return sorted(kinds | ({"control plane"} if self._reporter.stale_since() else set()))

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(WITHIN) as deadline:
                self._make_place(deadline)
                try:
                    await self._respond(reader, writer)
                finally:
                    self._open.pop(deadline, None)
        except TimeoutError:
            writer.transport.abort()  # what the client doesn't read must not stay in memory
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    def _make_place(self, deadline: asyncio.Timeout) -> None:
        """Add a connection; a health check needs its turn at once, whatever others do."""
        self._open[deadline] = None
        if len(self._open) > MAX_CONNECTIONS:
            first = next(iter(self._open))
            del self._open[first]
            if not first.expired():
                first.reschedule(asyncio.get_running_loop().time())

    async def _respond(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        method = ""
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            method, target, _ = head.split(b"\r\n", 1)[0].decode("ascii").split(" ")
            answer = await self.answer(method, target.partition("?")[0])
        except (asyncio.LimitOverrunError, ValueError):
            answer = Answer(400)
        head = (
            f"HTTP/1.1 {answer.status} {_REASONS[answer.status]}\r\nContent-Type: {answer.content_type}\r\n"
            f"Content-Length: {len(answer.content)}\r\nConnection: close\r\n\r\n"
        ).encode()
        writer.write(head if method == "HEAD" else head + answer.content)
        await writer.drain()


def _find_key(envoy: Gateway) -> _Key:
    return id(envoy), envoy.seen


def _is_answered(envoy: Gateway, resource: Resource) -> bool:
    key = resource.type_url, resource.name
    return envoy.has(key, resource.version) or key in envoy.rejected


def _expose(metrics: Iterable[Metric]) -> Answer:
    # Loaded only by gateways that are asked for metrics, because an agent should stay small.
    from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
    from prometheus_client.core import Metric as Family
    from prometheus_client.registry import Collector

    class Metrics(Collector):
        def collect(self) -> Iterator[Family]:
            for metric in metrics:
                family = Family(metric.prometheus_name, metric.description, _KINDS[metric.kind])
                for labels, value in metric.values:
                    family.add_sample(metric.sample_name, dict(labels), value)
                yield family

    registry = CollectorRegistry(auto_describe=False)
    registry.register(Metrics())
    return Answer(200, CONTENT_TYPE_LATEST, generate_latest(registry))
