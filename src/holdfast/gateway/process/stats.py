"""
Which statistics Envoy keeps, and that it sends them to the agent.
"""

from typing import Any

from holdfast.apis.catalog.endpoint import ENVIRONMENTS
from holdfast.apis.traffic.latencies import BOUNDS
from holdfast.gateway.resources.constants import CONTROL_PLANE, MILLISECONDS, STATS_PREFIX

FLUSH_EVERY = 5  # seconds
_SINK = "envoy.config.metrics.v3.MetricsServiceConfig"
# What is read: traffic by route, all of an environment (also requests in flight, before Envoy ends), and whether
# clusters are warming. Prefixes with a dot at the end are compared without writing out the name of each statistic.
_PREFIXES = (f"{STATS_PREFIX}.", *(f"http.{environment}." for environment in ENVIRONMENTS), "cluster_manager.")


def describe_stats() -> dict[str, Any]:
    """
    Return the bootstrap's statistics: only those that are read, because with thousands of clusters they cost memory.

    Source: `envoy.config.metrics.v3.StatsConfig`.
    """
    return {
        "stats_matcher": {"inclusion_list": {"patterns": [{"prefix": prefix} for prefix in _PREFIXES]}},
        "histogram_bucket_settings": [
            {"match": {"prefix": f"{STATS_PREFIX}.{MILLISECONDS}"}, "buckets": [float(bound) for bound in BOUNDS]}
        ],
    }


def describe_stats_sink() -> dict[str, Any]:
    """
    Return the bootstrap's sink: the agent, over the connection that discovery uses.

    Counters are sent as they are, not as differences: a difference that an agent misses while it restarts is lost.
    """
    return {
        "name": "envoy.stat_sinks.metrics_service",
        "typed_config": {
            "@type": f"type.googleapis.com/{_SINK}",
            "transport_api_version": "V3",
            "grpc_service": {"envoy_grpc": {"cluster_name": CONTROL_PLANE}},
            "histogram_emit_mode": "HISTOGRAM",
        },
    }
