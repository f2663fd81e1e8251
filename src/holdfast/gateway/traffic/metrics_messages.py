"""
The messages of Envoy's metrics service, as far as they are used: `xds-protos` lacks them.

Sources: `envoy.service.metrics.v3.StreamMetricsMessage` and `io.prometheus.client.MetricFamily`; the numbers are those
of their fields. Fields that are missing here are skipped.
"""

from collections.abc import Iterable
from typing import Any

from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass

SERVICE, METHOD = "envoy.service.metrics.v3.MetricsService", "StreamMetrics"
COUNTER, HISTOGRAM = 0, 4  # io.prometheus.client.MetricType
_PACKAGE = "holdfast.metrics"
_KINDS = {
    "string": FieldDescriptorProto.TYPE_STRING,
    "double": FieldDescriptorProto.TYPE_DOUBLE,
    "uint64": FieldDescriptorProto.TYPE_UINT64,
    "int32": FieldDescriptorProto.TYPE_INT32,
}
_MESSAGES = {
    "Locality": [("zone", 2, "string")],
    "Node": [("locality", 4, "Locality")],
    "Identifier": [("node", 1, "Node")],
    "Counter": [("value", 1, "double")],
    "Bucket": [("cumulative_count", 1, "uint64"), ("upper_bound", 2, "double")],
    "Histogram": [("sample_count", 1, "uint64"), ("bucket", 3, "Bucket*")],
    "Metric": [("counter", 3, "Counter"), ("histogram", 7, "Histogram")],
    "Family": [("name", 1, "string"), ("type", 3, "int32"), ("metric", 4, "Metric*")],
    "Metrics": [("identifier", 1, "Identifier"), ("envoy_metrics", 2, "Family*")],
}


def _describe(fields: Iterable[tuple[str, int, str]]) -> Iterable[FieldDescriptorProto]:
    for name, number, kind in fields:
        repeated, kind_name = kind.endswith("*"), kind.rstrip("*")
        field = FieldDescriptorProto(name=name, number=number)
        field.label = FieldDescriptorProto.LABEL_REPEATED if repeated else FieldDescriptorProto.LABEL_OPTIONAL
        if kind_name in _KINDS:
            field.type = _KINDS[kind_name]
        else:
            field.type, field.type_name = FieldDescriptorProto.TYPE_MESSAGE, f".{_PACKAGE}.{kind_name}"
        yield field


def _build() -> type[Any]:
    file = FileDescriptorProto(name="holdfast/metrics.proto", package=_PACKAGE, syntax="proto2")
    for name, fields in _MESSAGES.items():
        file.message_type.add(name=name).field.extend(_describe(fields))
    pool = DescriptorPool()
    pool.Add(file)
    return GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.Metrics"))


Metrics = _build()
