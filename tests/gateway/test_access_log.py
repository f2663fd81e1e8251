"""Reports of failed requests, over a real unix socket."""

import asyncio
import time
from datetime import UTC, datetime, timedelta

import grpc.aio
import pytest
from envoy.config.core.v3.address_pb2 import Address, SocketAddress
from envoy.config.core.v3.base_pb2 import Node
from envoy.data.accesslog.v3.accesslog_pb2 import (
    AccessLogCommon,
    HTTPAccessLogEntry,
    HTTPRequestProperties,
    HTTPResponseProperties,
    ResponseFlags,
)
from envoy.service.accesslog.v3.als_pb2 import StreamAccessLogsMessage
from envoy.service.accesslog.v3.als_pb2_grpc import AccessLogServiceStub
from google.protobuf.timestamp_pb2 import Timestamp

from gateway.edge import name_of, serve_cache
from holdfast.gateway.discovery.cache import Cache
from holdfast.gateway.failures.access_log import (
    MAX_ID,
    MAX_REASON,
    REJECTIONS_PER_SECOND,
    FailedRequest,
)
from holdfast.gateway.failures.evidence import FLAGS, Evidence
from holdfast.gateway.resources.constants import REJECTIONS

CLUSTER = "default/pizza/production"


def make_entry(request_id="r1", cluster=CLUSTER, reason="", address="", port=0, start=None, details="", **flags):
    start_time = Timestamp()
    start_time.FromDatetime(start or datetime.now(UTC))
    common = AccessLogCommon(
        route_name=cluster,
        upstream_transport_failure_reason=reason,
        upstream_remote_address=Address(socket_address=SocketAddress(address=address, port_value=port)),
        start_time=start_time,
        response_flags=ResponseFlags(**flags),
    )
    return HTTPAccessLogEntry(
        common_properties=common,
        request=HTTPRequestProperties(request_id=request_id),
        response=HTTPResponseProperties(response_code_details=details),
    )


def make_message(*entries, node=""):
    logs = StreamAccessLogsMessage(http_logs=StreamAccessLogsMessage.HTTPAccessLogEntries(log_entry=entries))
    if node:
        logs.identifier.CopyFrom(StreamAccessLogsMessage.Identifier(node=Node(id=node)))
    return logs


def stream(tmp_path, *messages):
    """Send *messages* in one stream, and return the failed requests read from them."""

    async def story():
        requests: list[FailedRequest] = []
        address = f"unix:{tmp_path / 'ads'}"
        server = await serve_cache(Cache(), address, requests.append)
        async with grpc.aio.insecure_channel(address) as channel:
            call = AccessLogServiceStub(channel).StreamAccessLogs(metadata=name_of("edge-1"))
            for log_message in messages:
                await call.write(log_message)
            await call.done_writing()
            await call
        await server.stop(0)
        return requests

    return asyncio.run(story())


def test_only_the_transport_identifies_the_gateway(tmp_path):
    requests = stream(tmp_path, make_message(make_entry("r1"), node="another"), make_message(make_entry("r2")))
    assert [(request.gateway, request.request_id) for request in requests] == [("edge-1", "r1"), ("edge-1", "r2")]


def test_a_failed_request_is_reported_with_all_its_fields(tmp_path):
    start = datetime.now(UTC) - timedelta(seconds=1)
    full = make_entry("r1", reason="why", address="::1", port=443, start=start, upstream_connection_termination=True)
    (request,) = stream(tmp_path, make_message(full, node="edge-1"))
    assert request == FailedRequest(
        gateway="edge-1",
        cluster=CLUSTER,
        upstream="[::1]:443",
        request_id="r1",
        at=start,
        evidence=Evidence(reason="why", flags=frozenset({"UC"})),
    )


@pytest.mark.parametrize(
    ("address", "port", "expected"), [("127.0.0.1", 80, "127.0.0.1:80"), ("::1", 80, "[::1]:80"), ("", 0, "")]
)
def test_the_backend_is_named_by_address_and_port(tmp_path, address, port, expected):
    (request,) = stream(tmp_path, make_message(make_entry(address=address, port=port)))
    assert request.upstream == expected


def test_texts_flags_and_numbers_of_envoy_become_evidence(tmp_path):
    details = "upstream_reset_before_response_started{protocol_error}"
    websocket = make_entry("r1", details=details, upstream_protocol_error=True)
    websocket.common_properties.custom_tags["upgrade"] = "WebSocket"
    websocket.common_properties.upstream_wire_bytes_received = 300
    websocket.common_properties.custom_tags["upstream_protocol"] = "HTTP/2"
    websocket.common_properties.custom_tags["decoded_header"] = "100"
    websocket.response.upstream_header_bytes_received = 200
    websocket.response.response_code.value = 502
    (request,) = stream(tmp_path, make_message(websocket))
    assert request.evidence == Evidence(
        details="upstream_reset_before_response_started{protocol_error}",
        flags=frozenset({"UPE"}),
        status=502,
        http2=True,
        websocket=True,
        received=300,
        received_header=200,
        decoded_header=100,
    )


def test_every_known_flag_is_a_field_of_envoys_access_log():
    assert set(FLAGS) <= {field.name for field in ResponseFlags.DESCRIPTOR.fields}


def test_the_request_id_in_the_response_takes_precedence_over_the_callers(tmp_path):
    rejection, answer = (
        make_entry("chosen", details="path_normalization_failed"),
        make_entry("ours", details="via_upstream"),
    )
    for log_entry in (rejection, answer):
        log_entry.response.response_headers["x-request-id"] = "in the answer"
    requests = stream(tmp_path, make_message(rejection, answer))
    assert [request.request_id for request in requests] == ["in the answer", "ours"]


def test_long_texts_are_truncated(tmp_path):
    long = "x" * 100_000
    long_entry = make_entry(long, reason=long, address=long, port=1, cluster=long)
    (request,) = stream(tmp_path, make_message(long_entry))
    assert (len(request.request_id), len(request.evidence.reason)) == (MAX_ID, MAX_REASON)
    assert len(request.cluster) == MAX_ID
    assert len(request.upstream) < MAX_ID + 10


def test_an_impossible_time_is_replaced_with_the_time_of_the_report(tmp_path):
    impossible = make_entry("r1")
    impossible.common_properties.start_time.seconds = 2**62
    later = make_entry("r2", start=datetime.now(UTC) + timedelta(days=9))
    for request in stream(tmp_path, make_message(impossible, later)):
        assert abs(request.at - datetime.now(UTC)) < timedelta(seconds=30)


def test_rejections_are_read_at_a_limited_rate_and_failures_are_not(tmp_path):
    async def story():
        requests = []
        address = f"unix:{tmp_path / 'ads'}"
        server = await serve_cache(Cache(), address, requests.append)
        rejections = make_message(*[make_entry(f"r{number}", cluster="") for number in range(REJECTIONS_PER_SECOND)])
        rejections.identifier.log_name = REJECTIONS
        began = time.monotonic()
        async with grpc.aio.insecure_channel(address) as channel:
            slow, fast = (AccessLogServiceStub(channel).StreamAccessLogs() for _ in range(2))
            for _ in range(3):
                await slow.write(rejections)
                await fast.write(make_message(*[make_entry() for _ in range(REJECTIONS_PER_SECOND)]))
            await fast.done_writing()
            await fast
        await server.stop(0)
        counts = [sum((request.cluster == "") == is_rejected for request in requests) for is_rejected in (True, False)]
        return *counts, time.monotonic() - began

    slow, fast, seconds = asyncio.run(story())
    assert slow <= REJECTIONS_PER_SECOND * (1 + seconds)
    assert fast == 3 * REJECTIONS_PER_SECOND


@pytest.mark.long
def test_a_large_message_does_not_block_the_event_loop(tmp_path):
    """While a message with 20,000 entries is read, another task keeps running."""
    entries = [make_entry(f"r{number}") for number in range(20_000)]

    async def story():
        beats, at_beat, requests = 0, [], []

        async def beat():
            nonlocal beats
            while True:
                await asyncio.sleep(0)
                beats += 1

        def take(request):
            requests.append(request)
            at_beat.append(beats)

        address = f"unix:{tmp_path / 'ads'}"
        server = await serve_cache(Cache(), address, take)
        heart = asyncio.create_task(beat())
        async with grpc.aio.insecure_channel(address, options=[("grpc.max_send_message_length", -1)]) as channel:
            call = AccessLogServiceStub(channel).StreamAccessLogs()
            await call.write(make_message(*entries))
            await call.done_writing()
            await call
        heart.cancel()
        await server.stop(0)
        return len(requests), len(set(at_beat))

    count, turns = asyncio.run(story())
    assert count == 20_000
    assert turns >= 200
