"""
What gateways tell of failed requests: Envoy's gRPC access log, failures only.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import grpc.aio
from envoy.config.core.v3.address_pb2 import Address
from envoy.data.accesslog.v3.accesslog_pb2 import AccessLogCommon, HTTPAccessLogEntry
from envoy.service.accesslog.v3.als_pb2 import StreamAccessLogsMessage, StreamAccessLogsResponse
from envoy.service.accesslog.v3.als_pb2_grpc import (
    AccessLogServiceServicer,
    add_AccessLogServiceServicer_to_server,
)

from holdfast.gateway.connection_authentication import was_challenged

MAX_REASON = 1000  # characters; it holds what backends say, without a bound
MAX_ID = 200  # characters of a request's, a gateway's or a cluster's
# The only place where Envoy says that a connection or its handshake took too long; no flag does.
_CONNECTION_TIMEOUT = "upstream_reset_before_response_started{connection_timeout"
_AT_ONCE = 100  # entries of one message, before others have their turn


@dataclass(frozen=True, slots=True)
class FailedRequest:
    """A request that a gateway could not pass to a backend; the texts are cut to MAX_REASON and MAX_ID."""

    gateway: str  # the id of its node
    cluster: str  # of the API's environment, whichever of its clusters carried the request
    upstream: str  # address and port of the backend; empty when none was chosen
    reason: str  # Envoy's words; may be empty
    request_id: str
    at: datetime  # aware, UTC; never later than when it was told
    timed_out: bool
    without_host: bool
    connection_terminated: bool  # after the handshake, by the backend
    challenged: bool = False  # by the backend, to authenticate the connection; the challenge was removed


class AccessLog(AccessLogServiceServicer):  # type: ignore[misc]  # generated without types
    """Hands every failed request to *take*."""

    def __init__(self, take: Callable[[FailedRequest], None]) -> None:
        self._take = take

    async def StreamAccessLogs(  # noqa: N802 - the name that the protocol gives
        self,
        messages: AsyncIterator[StreamAccessLogsMessage],
        context: grpc.aio.ServicerContext[StreamAccessLogsMessage, StreamAccessLogsResponse],
    ) -> StreamAccessLogsResponse:
        """Read one stream until the gateway ends it; only its first message says which gateway it is."""
        gateway = context.peer() or "unknown"
        async for message in messages:
            gateway = message.identifier.node.id[:MAX_ID] or gateway
            for number, entry in enumerate(message.http_logs.log_entry, 1):
                if entry.common_properties.route_name:
                    self._take(_failed_request(gateway, entry))
                if number % _AT_ONCE == 0:
                    await asyncio.sleep(0)
        return StreamAccessLogsResponse()


def add_access_log(server: grpc.aio.Server, take: Callable[[FailedRequest], None]) -> None:
    """Let *server* take access logs."""
    add_AccessLogServiceServicer_to_server(AccessLog(take), server)


def _failed_request(gateway: str, entry: HTTPAccessLogEntry) -> FailedRequest:
    common, flags = entry.common_properties, entry.common_properties.response_flags
    return FailedRequest(
        gateway=gateway,
        cluster=common.route_name[:MAX_ID],
        upstream=_address(common.upstream_remote_address),
        reason=common.upstream_transport_failure_reason[:MAX_REASON],
        request_id=entry.request.request_id[:MAX_ID],
        at=_started(common),
        timed_out=_timed_out(entry),
        without_host=flags.no_healthy_upstream or flags.dns_resolution_failure,
        connection_terminated=flags.upstream_connection_termination,
        challenged=was_challenged(common),
    )


def _timed_out(entry: HTTPAccessLogEntry) -> bool:
    flags = entry.common_properties.response_flags
    if flags.upstream_request_timeout or flags.stream_idle_timeout or flags.duration_timeout:
        return True
    details: str = entry.response.response_code_details
    return details.startswith(_CONNECTION_TIMEOUT)


def _started(common: AccessLogCommon) -> datetime:
    now = datetime.now(UTC)
    try:
        told: datetime = common.start_time.ToDatetime(UTC)
        return min(told, now)
    except (ValueError, OverflowError):  # no time that there is
        return now


def _address(address: Address) -> str:
    socket = address.socket_address
    if not socket.address:
        return ""
    host = socket.address[:MAX_ID]
    return f"[{host}]:{socket.port_value}" if ":" in host else f"{host}:{socket.port_value}"
