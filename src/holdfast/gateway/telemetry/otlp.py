"""
The messages of OTLP for metrics, and what all signals have in common.

Those of `xds-protos`, from before `InstrumentationLibrary` was renamed to `Scope`: the numbers of the fields, and so
what is sent, are the same.
"""

from collections.abc import Iterable, Mapping

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    AGGREGATION_TEMPORALITY_CUMULATIVE,
    Gauge,
    Metric,
    NumberDataPoint,
    Sum,
)
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

Attributes = Mapping[str, str | int | bool]
Values = Iterable[tuple[Attributes, int]]


def build_gauge(name: str, description: str, values: Values, now: int, unit: str = "") -> Metric:
    """Return a metric with the current values; *now* is in nanoseconds since 1970."""
    points = [
        NumberDataPoint(attributes=build_attributes(attributes), time_unix_nano=now, as_int=value)
        for attributes, value in values
    ]
    return Metric(name=name, description=description, unit=unit, gauge=Gauge(data_points=points))


def build_sum(name: str, description: str, values: Values, since: int, now: int) -> Metric:
    """Return a metric with what was counted from *since* to *now* (nanoseconds since 1970)."""
    points = [
        NumberDataPoint(
            attributes=build_attributes(attributes), start_time_unix_nano=since, time_unix_nano=now, as_int=value
        )
        for attributes, value in values
    ]
    data = Sum(data_points=points, aggregation_temporality=AGGREGATION_TEMPORALITY_CUMULATIVE, is_monotonic=True)
    return Metric(name=name, description=description, sum=data)


def export_metrics(resource: Resource, metrics: Iterable[Metric]) -> bytes:
    """Return the request that exports *metrics*."""
    request = ExportMetricsServiceRequest()
    request.resource_metrics.add(resource=resource).instrumentation_library_metrics.add(metrics=metrics)
    return bytes(request.SerializeToString())


def describe_service(name: str, instance: str, version: str) -> Resource:
    """Return the resource of an instance of the service *name*."""
    names = {"service.name": name, "service.instance.id": instance, "service.version": version}
    return Resource(attributes=build_attributes(names))


def build_attributes(values: Attributes) -> list[KeyValue]:
    """Return *values* as OTLP's attributes."""
    return [KeyValue(key=key, value=_build_value(value)) for key, value in values.items()]


def _build_value(value: str | int | bool) -> AnyValue:
    match value:
        case bool():
            return AnyValue(bool_value=value)
        case int():
            return AnyValue(int_value=value)
        case _:
            return AnyValue(string_value=value)
