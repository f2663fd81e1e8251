"""
What gateways tell of failed requests: Envoy's gRPC access log, failures only.
"""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import grpc.aio
from envoy.data.accesslog.v3.accesslog_pb2 import HTTPAccessLogEntry
from envoy.service.accesslog.v3.als_pb2 import StreamAccessLogsMessage, StreamAccessLogsResponse
from envoy.service.accesslog.v3.als_pb2_grpc import (
    AccessLogServiceServicer,
    add_AccessLogServiceServicer_to_server,
)


@dataclass(frozen=True, slots=True)
class FailedRequest:
    """A request that a gateway could not pass to a backend."""

    cluster: str  # of the API's environment, whichever of its clusters carried the request
    reason: str  # Envoy's words; may be empty
    request_id: str
    at: datetime  # aware, UTC
    timed_out: bool
    without_host: bool


class AccessLog(AccessLogServiceServicer):  # type: ignore[misc]  # generated without types
    """Hands every failed request to *take*."""

    def __init__(self, take: Callable[[FailedRequest], None]) -> None:
        self._take = take

    async def StreamAccessLogs(  # noqa: N802 - the name that the protocol gives
        self,
        messages: AsyncIterator[StreamAccessLogsMessage],
        context: grpc.aio.ServicerContext[StreamAccessLogsMessage, StreamAccessLogsResponse],
    ) -> StreamAccessLogsResponse:
        """Read one stream until the gateway ends it."""
        del context
        async for message in messages:
            for entry in message.http_logs.log_entry:
                if entry.common_properties.route_name:
                    self._take(_failed_request(entry))
        return StreamAccessLogsResponse()


def add_access_log(server: grpc.aio.Server, take: Callable[[FailedRequest], None]) -> None:
    """Let *server* take access logs."""
    add_AccessLogServiceServicer_to_server(AccessLog(take), server)


def _failed_request(entry: HTTPAccessLogEntry) -> FailedRequest:
    common, flags = entry.common_properties, entry.common_properties.response_flags
    return FailedRequest(
        cluster=common.route_name,
        reason=common.upstream_transport_failure_reason,
        request_id=entry.request.request_id,
        at=common.start_time.ToDatetime(UTC),
        timed_out=flags.upstream_request_timeout or flags.stream_idle_timeout or flags.duration_timeout,
        without_host=flags.no_healthy_upstream or flags.dns_resolution_failure,
    )
