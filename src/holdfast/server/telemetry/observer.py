"""
The telemetry that the publisher sends: requests as spans and durations, its state, and its log.
"""

import asyncio
import bisect
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, MutableMapping
from contextlib import suppress
from typing import Any, TypeVar

import structlog
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from holdfast.gateway.telemetry.delivery import LOGS, METRICS, TRACES, Delivery, Signal
from holdfast.gateway.telemetry.otlp import build_gauge, export_metrics
from holdfast.server.telemetry import otlp
from holdfast.server.telemetry.trace_context import TraceContext, continue_trace

EVERY = 5.0  # seconds between deliveries
AT_LAST = 2.0  # seconds for the last one
MAX_WAITING = 2048  # spans, and log events; then the oldest are dropped
MAX_SERIES = 2000  # of durations: combinations of method, route and status
_METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
State = Callable[[], Mapping[str, tuple[str, int]]]
T = TypeVar("T")
_Series = tuple[tuple[str, str | int | bool], ...]


class Observer:
    """
    Collects telemetry, and delivers it in the background; nothing waits for a collector.

    *state* returns gauges: descriptions and values by name.
    """

    def __init__(self, deliveries: Iterable[Delivery], resource: Resource, sample: float, state: State) -> None:
        self._deliveries = {delivery.signal: delivery for delivery in deliveries}
        self._resource, self._sample, self._state = resource, sample, state
        self._began = time.time_ns()
        self._spans: deque[Span] = deque(maxlen=MAX_WAITING)
        self._records: deque[LogRecord] = deque(maxlen=MAX_WAITING)
        self._durations: dict[_Series, otlp.Durations] = {}

    def observe(self, app: ASGIApp) -> ASGIApp:
        """Return *app*, with its requests follow_request."""

        async def follow_request(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http":
                await app(scope, receive, send)
                return
            context, began = continue_trace(scope["headers"], self._sample), time.time_ns()
            if TRACES in self._deliveries:
                # Each request is a separate task, so this needn't be unbound.
                structlog.contextvars.bind_contextvars(trace_id=context.trace_id.hex(), span_id=context.span_id.hex())
            status, request_id = 500, ""

            async def follow(message: Message) -> None:
                nonlocal status, request_id
                if message["type"] == "http.response.start":
                    status = message["status"]
                    request_id = dict(message["headers"]).get(b"x-request-id", b"").decode()
                await send(message)

            try:
                await app(scope, receive, follow)
            finally:
                self._record(scope, context, began, status, request_id)

        return follow_request

    def take_log(self, logger: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        """Keep a log event for the collector; a processor of structlog, for any thread."""
        del logger, method
        if LOGS in self._deliveries:
            self._records.append(otlp.build_log(event, time.time_ns()))
        return event

    async def follow(self) -> None:
        """Deliver regularly, until cancelled."""
        while True:
            await asyncio.sleep(EVERY)
            await self._deliver()

    async def close(self) -> None:
        """Deliver what is left, if the collectors answer soon."""
        with suppress(TimeoutError):
            async with asyncio.timeout(AT_LAST):
                await self._deliver()
        for delivery in self._deliveries.values():
            await delivery.close()

    def _record(self, scope: Scope, context: TraceContext, began: int, status: int, request_id: str) -> None:
        # Neither path nor query: both can contain secrets and names. Routes have placeholders.
        method = scope["method"] if scope["method"] in _METHODS else "_OTHER"
        route = getattr(scope.get("route"), "path", "")
        attributes: dict[str, str | int | bool] = {"http.request.method": method, "http.response.status_code": status}
        attributes |= {"http.route": route} if route else {}
        now = time.time_ns()
        if METRICS in self._deliveries:
            series = tuple(attributes.items())
            if series in self._durations or len(self._durations) < MAX_SERIES:
                self._durations[series] = _add(self._durations.get(series, otlp.Durations()), (now - began) / 1e9)
        if TRACES in self._deliveries and context.is_sampled:
            attributes |= {"url.scheme": scope["scheme"], "holdfast.request_id": request_id}
            name = f"{method} {route}".strip()
            self._spans.append(otlp.build_span(context, name, began, now, attributes, status))

    async def _deliver(self) -> None:
        spans, records = _drain(self._spans), _drain(self._records)
        messages: dict[Signal, Callable[[], bytes]] = {}
        if spans:
            messages[TRACES] = lambda: otlp.export_spans(self._resource, spans)
        if records:
            messages[LOGS] = lambda: otlp.export_logs(self._resource, records)
        if METRICS in self._deliveries:
            messages[METRICS] = self._export_metrics
        await asyncio.gather(*(self._deliveries[signal].deliver(build()) for signal, build in messages.items()))

    def _export_metrics(self) -> bytes:
        now = time.time_ns()
        metrics = [
            build_gauge(name, description, [({}, value)], now) for name, (description, value) in self._state().items()
        ]
        durations = ((dict(series), histogram) for series, histogram in self._durations.items())
        return export_metrics(self._resource, [*metrics, otlp.build_durations(durations, since=self._began, now=now)])


def _add(before: otlp.Durations, seconds: float) -> otlp.Durations:
    counts = list(before.counts)
    counts[bisect.bisect_left(otlp.BOUNDS, seconds)] += 1
    return otlp.Durations(tuple(counts), before.total + seconds)


def _drain(queue: deque[T]) -> list[T]:
    return [queue.popleft() for _ in range(len(queue))]
