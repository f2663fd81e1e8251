"""
The messages of Envoy's metrics service, as far as they are used: `xds-protos` lacks them.

Sources: `envoy.service.metrics.v3.StreamMetricsMessage` and `io.prometheus.client.MetricFamily`; the numbers are those
of their fields. Fields that are missing here are skipped.
"""

from holdfast.gateway.resources.partial_messages import declare_message

SERVICE, METHOD = "envoy.service.metrics.v3.MetricsService", "StreamMetrics"
COUNTER, HISTOGRAM = 0, 4  # io.prometheus.client.MetricType
Metrics = declare_message(
    "Metrics",
    {
        "Locality": [("zone", 2, "string")],
        "Node": [("locality", 4, "Locality")],
        "Identifier": [("node", 1, "Node")],
        "Counter": [("value", 1, "double")],
        "Bucket": [("cumulative_count", 1, "uint64"), ("upper_bound", 2, "double")],
        "Histogram": [("sample_count", 1, "uint64"), ("bucket", 3, "Bucket*")],
        "Metric": [("counter", 3, "Counter"), ("histogram", 7, "Histogram")],
        "Family": [("name", 1, "string"), ("type", 3, "int32"), ("metric", 4, "Metric*")],
        "Metrics": [("identifier", 1, "Identifier"), ("envoy_metrics", 2, "Family*")],
    },
)
