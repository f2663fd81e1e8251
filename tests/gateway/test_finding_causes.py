"""Codes for Envoy's flags, details and numbers, all of which were measured."""

import pytest

from holdfast.gateway.failures.causes import Cause
from holdfast.gateway.failures.evidence import Evidence
from holdfast.gateway.failures.http_causes import find_cause

BEFORE, AFTER = "upstream_reset_before_response_started", "upstream_reset_after_response_started"
UNREADABLE = f"{BEFORE}{{protocol_error}}"
CLOSED, RESET = "{connection_termination}", "{remote_reset}"


def seen(details: str = "", flags: str = "", status: int = 503, **numbers: int) -> Evidence:
    return Evidence(details=details, flags=frozenset(flags.split()), status=status, **numbers)


def cause(evidence: Evidence, header_kib: int = 1) -> Cause:
    return find_cause(evidence, header_kib, presents_identity=False)


@pytest.mark.parametrize(
    ("evidence", "expected"),
    [
        (seen(UNREADABLE, "UPE", received=21), Cause.NOT_HTTP),
        (seen(UNREADABLE, "UPE URX", received=42, attempts=2), Cause.NOT_HTTP),
        (seen(UNREADABLE, "UPE", received=1500), Cause.RESPONSE_HEADERS_TOO_LARGE),
        (seen(UNREADABLE, "UPE URX", received=1500, attempts=2), Cause.NOT_HTTP),
        (seen(UNREADABLE, "UPE", received=300, received_header=80), Cause.TOO_MANY_RESPONSE_HEADERS),
        (seen(UNREADABLE, "UPE", received=78, received_header=45, decoded_header=45), Cause.CONTRADICTORY_LENGTH),
        (seen(UNREADABLE, "UPE", http2=True, decoded_header=10), Cause.NOT_HTTP),
        (seen(f"{AFTER}{{protocol_error}}", "UPE", 200), Cause.CLOSED_DURING_RESPONSE),
        (seen(f"{AFTER}{{protocol_error}}", "UPE", 200, http2=True), Cause.CONTRADICTORY_LENGTH),
        (seen(AFTER + CLOSED, "UC", 200), Cause.CLOSED_DURING_RESPONSE),
        (seen(AFTER + RESET, "UR", 200, http2=True), Cause.CLOSED_DURING_RESPONSE),
        (seen(BEFORE + CLOSED, "UC"), Cause.CLOSED_BEFORE_RESPONSE),
        (seen(BEFORE + RESET, "UR", http2=True), Cause.CLOSED_BEFORE_RESPONSE),
        (seen(BEFORE + RESET, "UR", http2=True, decoded_header=590), Cause.TOO_MANY_RESPONSE_HEADERS),
        (seen(BEFORE + RESET, "UR", http2=True, decoded_header=2100, attempts=2), Cause.RESPONSE_HEADERS_TOO_LARGE),
        (seen(f"{BEFORE}{{remote_refused_stream_reset}}", "UR", http2=True), Cause.STREAM_REFUSED),
        (seen(f"{BEFORE}{{overflow}}", "UO"), Cause.TOO_MANY_OPEN_REQUESTS),
        (seen(f"{BEFORE}{{connection_timeout}}", "UF"), Cause.TIMEOUT),
        (seen(f"{BEFORE}{{remote_connection_failure|[connection_timeout]}}", "UF"), Cause.OTHER),
        (seen("stream_idle_timeout", "SI", 504), Cause.TIMEOUT),
        (seen("no_healthy_upstream", "UH"), Cause.DNS_FAILURE),
        (seen("cluster_not_found", "NC"), Cause.BACKEND_NOT_READY),
        (seen("via_upstream", "", 401, challenged=True), Cause.CONNECTION_AUTHENTICATION),
        (seen("stream_idle_timeout", "SI", 408), Cause.CALLER_STOPPED_SENDING),
        (seen("stream_idle_timeout", "SI", 101, websocket=True), Cause.WEBSOCKET_IDLE),
        (seen("stream_idle_timeout", "SI", 504, websocket=True), Cause.TIMEOUT),
        (seen("request_header_timeout", "", 408), Cause.CALLER_STOPPED_SENDING),
        (seen("downstream_remote_disconnect", "DC", 0), Cause.CALLER_DISCONNECTED),
        (seen("downstream_remote_disconnect", "DC", 200), Cause.CALLER_DISCONNECTED),
        (seen("http2.remote_reset", "DR", 200), Cause.CALLER_DISCONNECTED),
        (seen("direct_response", "", 403), Cause.CALLER_NOT_ACCEPTED),
        (seen("direct_response", "", 400), Cause.WEBSOCKET_REQUIRED),
        (seen("route_not_found", "NR", 404), Cause.API_NOT_FOUND),
        (seen("http1.codec_error", "DPE", 400), Cause.BAD_REQUEST),
        # The gateway's responses to gRPC callers have status 200 and a gRPC status.
        (seen("direct_response", "", 200), Cause.CALLER_NOT_ACCEPTED),
        (seen("route_not_found", "NR", 200), Cause.API_NOT_FOUND),
        (seen("http1.invalid_transfer_encoding", "DPE", 501), Cause.BAD_REQUEST),
        (seen("websocket_handshake_unsuccessful", "", 502), Cause.NOT_A_WEBSOCKET),
        (seen("websocket_handshake_unsuccessful", "", 302), Cause.NOT_A_WEBSOCKET),
        (seen("path_normalization_failed", "", 400), Cause.BAD_REQUEST),
        (seen("upgrade_failed", "", 403), Cause.REQUEST_REFUSED),
        (seen("rbac_access_denied_matched_policy[two-hosts]", "", 400), Cause.REQUEST_REFUSED),
        (seen("request_payload_too_large", "", 413), Cause.REQUEST_TOO_LARGE),
        (seen("low_version", "DPE", 426), Cause.HTTP_VERSION_NOT_SUPPORTED),
        (seen("http1.headers_too_large", "DPE", 431), Cause.REQUEST_HEADERS_TOO_LARGE),
        (seen("overload", "OM", 503), Cause.GATEWAY_OVERLOADED),
        (seen("something_new", "", 503), Cause.OTHER),
    ],
)
def test_each_report_of_envoy_has_its_code(evidence, expected):
    assert cause(evidence) is expected


def test_the_reason_for_a_failed_connection_takes_precedence():
    refused = Evidence(reason="delayed_connect_error:_Connection_refused", details=BEFORE + CLOSED, flags={"UF", "UC"})
    assert cause(refused) is Cause.CONNECTION_REFUSED


def test_the_text_of_envoy_is_its_reason_or_its_details_with_the_flags():
    assert Evidence(reason="why", details="how", flags=frozenset({"UF"})).words == "why (UF)"
    assert seen("how", "URX UC").words == "how (UC,URX)"
    assert (seen("", "UC").words, seen("how").words, Evidence().words) == ("UC", "how", "")
