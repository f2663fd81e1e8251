"""Codes for Envoy's flags, details and numbers, all of which were measured."""

import pytest

from holdfast.gateway.failures.causes import Cause
from holdfast.gateway.failures.evidence import Evidence
from holdfast.gateway.failures.http_causes import find_cause

BEFORE, AFTER = "upstream_reset_before_response_started", "upstream_reset_after_response_started"
UNREADABLE = f"{BEFORE}{{protocol_error}}"
CLOSED, RESET = "{connection_termination}", "{remote_reset}"


def evidence(details: str = "", flags: str = "", status: int = 503, **numbers: int) -> Evidence:
    return Evidence(details=details, flags=frozenset(flags.split()), status=status, **numbers)


def cause(evidence: Evidence, header_kib: int = 1) -> Cause:
    return find_cause(evidence, header_kib, presents_identity=False)


@pytest.mark.parametrize(
    ("evidence", "expected"),
    [
        (evidence(UNREADABLE, "UPE", received=21), Cause.NOT_HTTP),
        (evidence(UNREADABLE, "UPE URX", received=42, attempts=2), Cause.NOT_HTTP),
        (evidence(UNREADABLE, "UPE", received=1500), Cause.RESPONSE_HEADERS_TOO_LARGE),
        (evidence(UNREADABLE, "UPE URX", received=1500, attempts=2), Cause.NOT_HTTP),
        (evidence(UNREADABLE, "UPE", received=300, received_header=80), Cause.TOO_MANY_RESPONSE_HEADERS),
        (evidence(UNREADABLE, "UPE", received=78, received_header=45, decoded_header=45), Cause.CONTRADICTORY_LENGTH),
        (evidence(UNREADABLE, "UPE", http2=True, decoded_header=10), Cause.NOT_HTTP),
        (evidence(f"{AFTER}{{protocol_error}}", "UPE", 200), Cause.CLOSED_DURING_RESPONSE),
        (evidence(f"{AFTER}{{protocol_error}}", "UPE", 200, http2=True), Cause.CONTRADICTORY_LENGTH),
        (evidence(AFTER + CLOSED, "UC", 200), Cause.CLOSED_DURING_RESPONSE),
        (evidence(AFTER + RESET, "UR", 200, http2=True), Cause.CLOSED_DURING_RESPONSE),
        (evidence(BEFORE + CLOSED, "UC"), Cause.CLOSED_BEFORE_RESPONSE),
        (evidence(BEFORE + RESET, "UR", http2=True), Cause.CLOSED_BEFORE_RESPONSE),
        (evidence(BEFORE + RESET, "UR", http2=True, decoded_header=590), Cause.TOO_MANY_RESPONSE_HEADERS),
        (evidence(BEFORE + RESET, "UR", http2=True, decoded_header=2100, attempts=2), Cause.RESPONSE_HEADERS_TOO_LARGE),
        (evidence(f"{BEFORE}{{remote_refused_stream_reset}}", "UR", http2=True), Cause.STREAM_REFUSED),
        (evidence(f"{BEFORE}{{overflow}}", "UO"), Cause.TOO_MANY_OPEN_REQUESTS),
        (evidence(f"{BEFORE}{{connection_timeout}}", "UF"), Cause.TIMEOUT),
        (evidence(f"{BEFORE}{{remote_connection_failure|[connection_timeout]}}", "UF"), Cause.OTHER),
        (evidence("stream_idle_timeout", "SI", 504), Cause.TIMEOUT),
        (evidence("no_healthy_upstream", "UH"), Cause.DNS_FAILURE),
        (evidence("cluster_not_found", "NC"), Cause.BACKEND_NOT_READY),
        (evidence("via_upstream", "", 401, challenged=True), Cause.CONNECTION_AUTHENTICATION),
        (evidence("stream_idle_timeout", "SI", 408), Cause.CALLER_STOPPED_SENDING),
        (evidence("stream_idle_timeout", "SI", 101, websocket=True), Cause.WEBSOCKET_IDLE),
        (evidence("stream_idle_timeout", "SI", 504, websocket=True), Cause.TIMEOUT),
        (evidence("request_header_timeout", "", 408), Cause.CALLER_STOPPED_SENDING),
        (evidence("downstream_remote_disconnect", "DC", 0), Cause.CALLER_DISCONNECTED),
        (evidence("downstream_remote_disconnect", "DC", 200), Cause.CALLER_DISCONNECTED),
        (evidence("http2.remote_reset", "DR", 200), Cause.CALLER_DISCONNECTED),
        (evidence("direct_response", "", 403), Cause.CALLER_NOT_ACCEPTED),
        (evidence("direct_response", "", 400), Cause.WEBSOCKET_REQUIRED),
        (evidence("route_not_found", "NR", 404), Cause.API_NOT_FOUND),
        (evidence("http1.codec_error", "DPE", 400), Cause.BAD_REQUEST),
        # The gateway's responses to gRPC callers have status 200 and a gRPC status.
        (evidence("direct_response", "", 200), Cause.CALLER_NOT_ACCEPTED),
        (evidence("route_not_found", "NR", 200), Cause.API_NOT_FOUND),
        (evidence("http1.invalid_transfer_encoding", "DPE", 501), Cause.BAD_REQUEST),
        (evidence("websocket_handshake_unsuccessful", "", 502), Cause.NOT_A_WEBSOCKET),
        (evidence("websocket_handshake_unsuccessful", "", 302), Cause.NOT_A_WEBSOCKET),
        (evidence("path_normalization_failed", "", 400), Cause.BAD_REQUEST),
        (evidence("upgrade_failed", "", 403), Cause.REQUEST_REFUSED),
        (evidence("rbac_access_denied_matched_policy[two-hosts]", "", 400), Cause.REQUEST_REFUSED),
        (evidence("request_payload_too_large", "", 413), Cause.REQUEST_TOO_LARGE),
        (evidence("low_version", "DPE", 426), Cause.HTTP_VERSION_NOT_SUPPORTED),
        (evidence("http1.headers_too_large", "DPE", 431), Cause.REQUEST_HEADERS_TOO_LARGE),
        (evidence("overload", "OM", 503), Cause.GATEWAY_OVERLOADED),
        (evidence("something_new", "", 503), Cause.OTHER),
    ],
)
def test_each_report_of_envoy_has_its_code(evidence, expected):
    assert cause(evidence) is expected


def test_the_reason_for_a_failed_connection_takes_precedence():
    refusal = Evidence(reason="delayed_connect_error:_Connection_refused", details=BEFORE + CLOSED, flags={"UF", "UC"})
    assert cause(refusal) is Cause.CONNECTION_REFUSED


def test_the_text_of_envoy_is_its_reason_or_its_details_with_the_flags():
    assert Evidence(reason="why", details="how", flags=frozenset({"UF"})).words == "why (UF)"
    assert evidence("how", "URX UC").words == "how (UC,URX)"
    assert (evidence("", "UC").words, evidence("how").words, Evidence().words) == ("UC", "how", "")
