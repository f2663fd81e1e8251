"""
Reports of failed requests from gateways: Envoy's gRPC access log, without the requests that backends answered.
"""

import asyncio
import re
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

from holdfast.apis.catalog.endpoint import parse_endpoint
from holdfast.apis.errors import InvalidField
from holdfast.gateway.failures.evidence import FLAGS, Evidence
from holdfast.gateway.peer import Identify, Peer
from holdfast.gateway.resources.access_logs import (
    ATTEMPT_TAG,
    DECODED_TAG,
    MEMBER_TAG,
    PROTOCOL_TAG,
    SUSPENDS_TAG,
    UPGRADE_TAG,
)
from holdfast.gateway.resources.connection_authentication import was_challenged
from holdfast.gateway.resources.constants import REJECTIONS, TRACE_TAG
from holdfast.gateway.resources.forwarding import REQUEST_ID_HEADER
from holdfast.gateway.resources.websockets import WEBSOCKET
from holdfast.work.budget import Budget

MAX_REASON = 1000  # characters; backends control this text and its length
MAX_MEMBER = 300  # characters of an origin
MAX_ID = 200  # characters of a request, gateway or cluster id
# On one stream. Unauthenticated callers decide how many rejections there are, and a stolen gateway how many failures;
# gateways drop entries that aren't read.
REJECTIONS_PER_SECOND, FAILURES_PER_SECOND = 500, 10_000
_TRACE_ID = re.compile(r"[0-9a-f]{32}")  # W3C Trace Context, 3.2.2.3
_AT_ONCE = 100  # entries of one message, before other tasks get a turn


@dataclass(frozen=True, slots=True)
class FailedRequest:
    """A request without a complete response from a backend; texts are truncated to MAX_REASON and MAX_ID."""

    gateway: str  # its name
    cluster: str  # of the API's environment, whichever of its clusters carried the request; empty: no API
    upstream: str  # address and port of the backend; empty if none was chosen
    request_id: str
    at: datetime  # when the request started (aware, UTC); never later than its report
    evidence: Evidence
    trace_id: str = ""  # empty: the gateway sends no traces
    member: str = ""  # the origin of the member of a group that was chosen
    is_attempt: bool = False  # at this member; the gateway may have sent the request to another one afterwards


class AccessLog(AccessLogServiceServicer):  # type: ignore[misc]  # generated without types
    """
    The access log service; it passes each failed request to *take*, with the gateway that reports it.

    The gateway is the one that the transport identifies: a gateway can't report failures in another one's name.
    """

    def __init__(
        self, identify: Identify, take: Callable[[Peer, FailedRequest], None], now: Callable[[], datetime]
    ) -> None:
        self._identify = identify
        self._take = take
        self._now = now

    def register(self, server: grpc.aio.Server) -> None:
        """Register the service with *server*."""
        add_AccessLogServiceServicer_to_server(self, server)

    async def StreamAccessLogs(  # noqa: N802 - the name in the protocol
        self,
        messages: AsyncIterator[StreamAccessLogsMessage],
        context: grpc.aio.ServicerContext[StreamAccessLogsMessage, StreamAccessLogsResponse],
    ) -> StreamAccessLogsResponse:
        """Read one stream until the gateway ends it. Reject a stream that no gateway may open."""
        peer, budget = self._identify(context), Budget(FAILURES_PER_SECOND)
        if peer is None:
            await context.abort(grpc.StatusCode.PERMISSION_DENIED, "This isn't the stream of a known gateway.")
        async for message in messages:
            if message.identifier.log_name == REJECTIONS:
                budget = Budget(REJECTIONS_PER_SECOND)
            for number, entry in enumerate(message.http_logs.log_entry, 1):
                self._take(peer, _read_failed_request(peer.name, entry, self._now()))
                if number % _AT_ONCE == 0:
                    await asyncio.sleep(0)
            await budget.spend(len(message.http_logs.log_entry))
        return StreamAccessLogsResponse()


def _read_failed_request(gateway: str, entry: HTTPAccessLogEntry, now: datetime) -> FailedRequest:
    common = entry.common_properties
    return FailedRequest(
        gateway=gateway,
        cluster=common.route_name[:MAX_ID],
        upstream=_read_address(common.upstream_remote_address),
        request_id=_find_request_id(entry)[:MAX_ID],
        at=_read_start(common, now),
        evidence=_read_evidence(entry),
        trace_id=_check_trace_id(common.custom_tags.get(TRACE_TAG, "")),
        member=_read_member(common.custom_tags.get(MEMBER_TAG, "")),
        is_attempt=ATTEMPT_TAG in common.custom_tags,
    )


def _read_member(text: str) -> str:
    """Return the origin in *text*, from a gateway; empty if there is none."""
    if not text or len(text) > MAX_MEMBER:
        return ""
    try:
        return str(parse_endpoint(text).origin)
    except InvalidField:
        return ""


def _read_evidence(entry: HTTPAccessLogEntry) -> Evidence:
    common, response = entry.common_properties, entry.response
    decoded_size = common.custom_tags.get(DECODED_TAG, "")
    return Evidence(
        reason=common.upstream_transport_failure_reason[:MAX_REASON],
        details=response.response_code_details[:MAX_REASON],
        flags=frozenset(short for name, short in FLAGS.items() if getattr(common.response_flags, name)),
        status=response.response_code.value,
        http2=common.custom_tags.get(PROTOCOL_TAG, "") == "HTTP/2",
        challenged=was_challenged(common),
        websocket=common.custom_tags.get(UPGRADE_TAG, "").lower() == WEBSOCKET,
        suspends=common.custom_tags.get(SUSPENDS_TAG, "") == "true",
        attempts=max(common.upstream_request_attempt_count, 1),
        received=common.upstream_wire_bytes_received,
        received_header=response.upstream_header_bytes_received,
        decoded_header=int(decoded_size) if decoded_size.isdecimal() else 0,
    )


def _find_request_id(entry: HTTPAccessLogEntry) -> str:
    # A request that Envoy rejects early can still have the caller's id; the response then has ours.
    by_backend = entry.response.response_code_details.startswith(("via_upstream", "upstream_", "downstream_"))
    request_id = "" if by_backend else entry.response.response_headers.get(REQUEST_ID_HEADER, "")
    return request_id or entry.request.request_id


def _check_trace_id(text: str) -> str:
    return text if _TRACE_ID.fullmatch(text) and text.strip("0") else ""


def _read_start(common: AccessLogCommon, now: datetime) -> datetime:
    try:
        start: datetime = common.start_time.ToDatetime(UTC)
        return min(start, now)
    except (ValueError, OverflowError):  # not a representable time
        return now


def _read_address(address: Address) -> str:
    socket = address.socket_address
    if not socket.address:
        return ""
    host = socket.address[:MAX_ID]
    return f"[{host}]:{socket.port_value}" if ":" in host else f"{host}:{socket.port_value}"
