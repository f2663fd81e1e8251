"""
Envoy's overload manager: it rejects connections beyond a limit.
"""

from typing import Any

from envoy.config.overload.v3.overload_pb2 import OverloadManager, ResourceMonitor
from envoy.extensions.resource_monitors.downstream_connections.v3.downstream_connections_pb2 import (
    DownstreamConnectionsConfig,
)
from google.protobuf.json_format import MessageToDict


def describe_overload_manager(max_connections: int) -> dict[str, Any]:
    """
    Return the bootstrap's overload manager; callers' connections beyond *max_connections* are closed when accepted.

    Without a limit, an Envoy that has run out of file descriptors keeps new callers waiting (measured). Source:
    `envoy.config.overload.v3.OverloadManager`.
    """
    monitor = ResourceMonitor(name="envoy.resource_monitors.global_downstream_max_connections")
    monitor.typed_config.Pack(DownstreamConnectionsConfig(max_active_downstream_connections=max_connections))
    members: dict[str, Any] = MessageToDict(
        OverloadManager(resource_monitors=[monitor]), preserving_proto_field_name=True
    )
    return members
