"""
Envoy's bootstrap.
"""

import json
from pathlib import Path

from holdfast.gateway.probing.listener import describe_probe_listener
from holdfast.gateway.process.overload import describe_overload_manager
from holdfast.gateway.resources.constants import CONTROL_PLANE

# Envoy's default limit of 100 guards against untrusted regular expressions; all of these are ours (`dot_segments.py`).
_RUNTIME = {"re2.max_program_size.error_level": 1000}
# Envoy's default grows to 30 seconds, and a publisher that was away for a while would wait that long.
_RECONNECT = {"base_interval": "0.1s", "max_interval": "1s"}


def write_bootstrap(node: str, ads_socket: Path, admin_socket: Path, probe_socket: Path, max_connections: int) -> str:
    """
    Return Envoy's bootstrap as JSON; all other resources arrive over one incremental stream on *ads_socket*.

    *max_connections* limits callers' connections, over all listeners. The probe listener on *probe_socket* is static
    because it belongs to the agent, not to the control plane.
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
            "node": {"id": node, "cluster": "holdfast"},
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
                "clusters": [target],
                "listeners": [describe_probe_listener(probe_socket)],
            },
            "layered_runtime": {"layers": [{"name": "holdfast", "static_layer": _RUNTIME}]},
            # Nothing reads statistics of single clusters, and with thousands of clusters they cost memory.
            "stats_config": {"stats_matcher": {"exclusion_list": {"patterns": [{"prefix": "cluster."}]}}},
            # Each worker thread creates a cluster with its first request: with thousands of clusters, it saves memory.
            "cluster_manager": {"enable_deferred_cluster_creation": True},
        },
        sort_keys=True,  # its text decides whether a running Envoy has this configuration
    )
