"""
Envoy's bootstrap.
"""

import json
from pathlib import Path

from holdfast.gateway.probing.listener import describe_probe_listener
from holdfast.gateway.process.overload import describe_overload_manager
from holdfast.gateway.process.stats import FLUSH_EVERY, describe_stats, describe_stats_sink
from holdfast.gateway.resources.constants import CONTROL_PLANE, MEMBER_EVENTS
from holdfast.gateway.telemetry.telemetry import NO_TELEMETRY, Telemetry

# Envoy's default limit of 100 guards against untrusted regular expressions. Ours are larger (`dot_segments.py`), and
# those of listed operations have a separate limit (`apis/catalog/operation_list.py`).
_RUNTIME = {"re2.max_program_size.error_level": 2**31 - 1}
# Envoy's default grows to 30 seconds, and a publisher that was away for a while would wait that long.
_RECONNECT = {"base_interval": "0.1s", "max_interval": "1s"}


def write_bootstrap(
    node: str,
    ads_socket: Path,
    admin_socket: Path,
    probe_socket: Path,
    max_connections: int,
    telemetry: Telemetry = NO_TELEMETRY,
) -> str:
    """
    Return Envoy's bootstrap as JSON; all other resources arrive over one incremental stream on *ads_socket*.

    *max_connections* limits callers' connections, over all listeners. *telemetry* is what the gateway logs.

    The probe listener on *probe_socket* is static because it belongs to the agent, not to the control plane.
    """
    target = {
        "name": CONTROL_PLANE,
        "type": "STATIC",
        "connect_timeout": "1s",
        "load_assignment": {
            "cluster_name": CONTROL_PLANE,
            "endpoints": [
                {"lb_endpoints": [{"endpoint": {"address": {"pipe": {"path": str(ads_socket)}}}}]},
            ],
        },
        "typed_extension_protocol_options": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
                "explicit_http_config": {"http2_protocol_options": {}},
            }
        },
    }
    over_ads = {"ads": {}, "resource_api_version": "V3", "initial_fetch_timeout": "2s"}
    return json.dumps(
        {
            "node": {"id": node, "cluster": "holdfast"}
            | ({"metadata": {"telemetry": telemetry.digest}} if telemetry.digest else {}),
            "admin": {
                "address": {"pipe": {"path": str(admin_socket), "mode": 0o600}},
                "ignore_global_conn_limit": True,
            },
            "overload_manager": describe_overload_manager(max_connections),
            "dynamic_resources": {
                "ads_config": {
                    "api_type": "DELTA_GRPC",
                    "transport_api_version": "V3",
                    "grpc_services": [
                        {
                            "envoy_grpc": {
                                "cluster_name": CONTROL_PLANE,
                                "retry_policy": {"retry_back_off": _RECONNECT},
                            }
                        }
                    ],
                },
                "cds_config": over_ads,
                "lds_config": over_ads,
            },
            "static_resources": {
                "clusters": [target, *([telemetry.collector.describe_cluster()] if telemetry.collector else [])],
                "listeners": [describe_probe_listener(probe_socket)],
            },
            "layered_runtime": {
                # The agent sets the sample of requests that are measured through the admin interface.
                "layers": [{"name": "holdfast", "static_layer": _RUNTIME}, {"name": "agent", "admin_layer": {}}]
            },
            "stats_config": describe_stats(),
            "stats_sinks": [describe_stats_sink()],
            "stats_flush_interval": f"{FLUSH_EVERY}s",
            "cluster_manager": {
                # Each worker thread creates a cluster with its first request: with thousands of them, it saves memory.
                "enable_deferred_cluster_creation": True,
                "outlier_detection": {"event_log_path": MEMBER_EVENTS},
            },
        },
        sort_keys=True,  # its text decides whether a running Envoy has this configuration
    )
