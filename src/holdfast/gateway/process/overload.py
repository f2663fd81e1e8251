"""
Envoy's overload manager: it rejects connections beyond a limit.
"""

from typing import Any

_MONITOR = "envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig"


def describe_overload_manager(max_connections: int) -> dict[str, Any]:
    """
    Return the bootstrap's overload manager; callers' connections beyond *max_connections* are closed when accepted.

    Without a limit, an Envoy that has run out of file descriptors keeps new callers waiting (measured). Source:
    `envoy.config.overload.v3.OverloadManager`.
    """
    limit = {
        "@type": f"type.googleapis.com/{_MONITOR}",
        "max_active_downstream_connections": str(max_connections),  # JSON of a 64-bit number
    }
    name = "envoy.resource_monitors.global_downstream_max_connections"
    return {"resource_monitors": [{"name": name, "typed_config": limit}]}
