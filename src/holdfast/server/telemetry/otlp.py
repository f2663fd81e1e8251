"""
The messages of OTLP for spans, log events and durations of requests.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    AGGREGATION_TEMPORALITY_CUMULATIVE,
    Histogram,
    HistogramDataPoint,
    Metric,
)
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from holdfast.gateway.telemetry.otlp import Attributes, build_attributes
from holdfast.server.telemetry.trace_context import TraceContext

BOUNDS = (
    0.005,
    0.01,
    0.025,
    0.05,
    0.075,
    0.1,
    0.25,
    0.5,
    0.75,
    1.0,
    2.5,
    5.0,
    7.5,
    10.0,
)  # seconds; semantic convention
# By level of structlog: severity numbers of the log data model.
_SEVERITIES = {"debug": 5, "info": 9, "warning": 13, "error": 17, "critical": 21}


@dataclass(frozen=True, slots=True)
class Durations:
    """Durations of requests with the same attributes: the number up to each of BOUNDS and above, and their sum."""

    counts: tuple[int, ...] = (0,) * (len(BOUNDS) + 1)
    total: float = 0.0  # seconds


def build_span(context: TraceContext, name: str, began: int, end: int, attributes: Attributes, status: int) -> Span:
    """Return the span of a request from *began* to *end* (nanoseconds since 1970), answered with *status*."""
    return Span(
        trace_id=context.trace_id,
        span_id=context.span_id,
        parent_span_id=context.parent_id,
        name=name,
        kind=Span.SPAN_KIND_SERVER,
        start_time_unix_nano=began,
        end_time_unix_nano=end,
        attributes=build_attributes(attributes),
        status=Status(code=Status.STATUS_CODE_ERROR) if status >= 500 else None,
    )


def build_log(event: Mapping[str, Any], now: int) -> LogRecord:
    """Return the record of a log event at *now* (nanoseconds since 1970)."""
    own_members = {"event", "level", "timestamp", "trace_id", "span_id"}
    return LogRecord(
        time_unix_nano=now,
        severity_number=_SEVERITIES.get(event.get("level", ""), 0),
        severity_text=str(event.get("level", "")),
        body=AnyValue(string_value=str(event.get("event", ""))),
        attributes=build_attributes({name: str(value) for name, value in event.items() if name not in own_members}),
        trace_id=bytes.fromhex(event.get("trace_id", "")),
        span_id=bytes.fromhex(event.get("span_id", "")),
    )


def build_durations(durations: Iterable[tuple[Attributes, Durations]], since: int, now: int) -> Metric:
    """Return the durations of requests since the start, by attributes."""
    points = [
        HistogramDataPoint(
            attributes=build_attributes(attributes),
            start_time_unix_nano=since,
            time_unix_nano=now,
            count=sum(histogram.counts),
            sum=histogram.total,
            bucket_counts=histogram.counts,
            explicit_bounds=BOUNDS,
        )
        for attributes, histogram in durations
    ]
    return Metric(
        name="http.server.request.duration",
        description="Duration of requests to the publisher.",
        unit="s",
        histogram=Histogram(data_points=points, aggregation_temporality=AGGREGATION_TEMPORALITY_CUMULATIVE),
    )


def export_spans(resource: Resource, spans: Iterable[Span]) -> bytes:
    """Return the request that exports *spans*."""
    request = ExportTraceServiceRequest()
    request.resource_spans.add(resource=resource).instrumentation_library_spans.add(spans=spans)
    return bytes(request.SerializeToString())


def export_logs(resource: Resource, records: Iterable[LogRecord]) -> bytes:
    """Return the request that exports *records*."""
    request = ExportLogsServiceRequest()
    request.resource_logs.add(resource=resource).instrumentation_library_logs.add(logs=records)
    return bytes(request.SerializeToString())
