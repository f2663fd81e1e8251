"""
Export of a gateway's metrics to an OpenTelemetry collector; loaded only if one is set.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime

import structlog
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric as Message

from holdfast.gateway.agent.metrics import Metric, MetricKind
from holdfast.gateway.agent.monitoring import Monitoring
from holdfast.gateway.control.reports import Report
from holdfast.gateway.telemetry.collector import SERVICE
from holdfast.gateway.telemetry.delivery import Delivery
from holdfast.gateway.telemetry.otlp import build_gauge, build_sum, describe_service, export_metrics
from holdfast.gateway.traffic.totals import Count, Totals

log = structlog.get_logger()
EVERY = 10.0  # seconds between deliveries
AT_LAST = 2.0  # seconds for the last one
BATCH = 2_000  # numbers of requests in one message, because collectors limit its size
_API_REQUESTS = "holdfast.gateway.api.requests", "Requests of callers by API, environment and status; 0: no response."


class MetricsExport:
    """Sends the metrics of the gateway *name* regularly; nothing waits for the collector. Lives on one event loop."""

    def __init__(
        self,
        delivery: Delivery,
        name: str,
        totals: Totals,
        monitoring: Monitoring,
        now: Callable[[], datetime],
    ) -> None:
        """*totals* are those of the traffic recorder."""
        self._delivery, self._name, self._totals, self._monitoring = delivery, name, totals, monitoring
        self._now = now

    async def follow(self) -> None:
        """Deliver regularly, until cancelled."""
        while True:
            await self._deliver()
            await asyncio.sleep(EVERY)

    async def close(self) -> None:
        """Deliver the last numbers, if the collector answers soon."""
        with suppress(TimeoutError):
            async with asyncio.timeout(AT_LAST):
                await self._deliver()
        await self._delivery.close()

    async def _deliver(self) -> None:
        try:
            await self._send_all()
        except Exception:
            # A gateway serves callers, whatever happens to its metrics.
            log.exception("metrics can't be exported")

    async def _send_all(self) -> None:
        report, metrics = await self._monitoring.read()
        since, counts = self._totals.read()
        for message in await asyncio.to_thread(lambda: list(self._build(report, metrics, since, counts))):
            await self._delivery.deliver(message)

    def _build(
        self, report: Report, metrics: Sequence[Metric], since: datetime, counts: Sequence[Count]
    ) -> Iterator[bytes]:
        resource, now = describe_service(SERVICE, self._name, report.version), _count_nanoseconds(self._now())
        yield export_metrics(resource, [_describe(metric, report, now) for metric in metrics if metric.values])
        began = _count_nanoseconds(since)
        for start in range(0, len(counts), BATCH):
            yield export_metrics(resource, [build_sum(*_API_REQUESTS, counts[start : start + BATCH], began, now)])


def _describe(metric: Metric, report: Report, now: int) -> Message:
    match metric.kind:
        case MetricKind.AGENT_COUNTER:
            return build_sum(metric.name, metric.description, metric.values, _count_nanoseconds(report.started_at), now)
        case MetricKind.ENVOY_COUNTER:
            since = _count_nanoseconds(report.envoy_started_at or report.started_at)
            return build_sum(metric.name, metric.description, metric.values, since, now)
        case MetricKind.GAUGE:
            return build_gauge(metric.name, metric.description, metric.values, now, metric.unit)
        case MetricKind.INFO:
            return build_gauge(f"{metric.name}.info", metric.description, metric.values, now)


def _count_nanoseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1_000_000_000)
