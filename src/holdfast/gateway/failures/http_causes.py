"""
The code for why a request failed after the handshake, or never reached the backend, from Envoy's report. Pure.

Envoy 1.40 logs `protocol_error` for every response that it can't read
(https://github.com/envoyproxy/envoy/issues/26691). How much of the response it read tells the cases apart (measured):

| over HTTP/1.1                                     | received | received_header | decoded_header |
|---------------------------------------------------|----------|-----------------|----------------|
| another protocol, a malformed or truncated header | little   | 0               | 0              |
| a header that is too large                        | > limit  | 0               | 0              |
| too many fields                                   | any      | > 0             | 0              |
| Content-Length with Transfer-Encoding             | any      | > 0             | > 0            |
"""

from holdfast.gateway.failures.causes import Cause, classify_reason
from holdfast.gateway.failures.evidence import Evidence
from holdfast.gateway.resources.access_logs import ATTEMPT_FLAGS, BACKEND_FLAGS, TIMEOUT_FLAGS
from holdfast.gateway.resources.operations import METHOD_NOT_LISTED, NOT_LISTED
from holdfast.gateway.resources.websockets import NO_WEBSOCKET

_KIB = 1024
# Requests that the gateway rejects itself, by Envoy's details: responses to gRPC callers all have status 200.
_REASONS = {
    "direct_response": Cause.CALLER_NOT_ACCEPTED,  # see `routes.build_refusals`
    "failed_to_inject_credential": Cause.SIGN_IN_FAILED,  # see `credentials`
    "local_rate_limited": Cause.RATE_LIMITED,
    "request_header_timeout": Cause.CALLER_STOPPED_SENDING,
    "request_payload_too_large": Cause.REQUEST_TOO_LARGE,
    "route_not_found": Cause.API_NOT_FOUND,
    "upgrade_failed": Cause.REQUEST_REFUSED,
    "websocket_handshake_unsuccessful": Cause.NOT_A_WEBSOCKET,
}
# Responses of routes, by status.
_DIRECT = {
    NOT_LISTED: Cause.OPERATION_NOT_LISTED,
    METHOD_NOT_LISTED: Cause.OPERATION_NOT_LISTED,
    NO_WEBSOCKET: Cause.WEBSOCKET_REQUIRED,
}
# The same by the status of the gateway's response.
_REJECTED = {
    400: Cause.BAD_REQUEST,
    403: Cause.REQUEST_REFUSED,
    404: Cause.API_NOT_FOUND,
    408: Cause.CALLER_STOPPED_SENDING,
    413: Cause.REQUEST_TOO_LARGE,
    426: Cause.HTTP_VERSION_NOT_SUPPORTED,
    431: Cause.REQUEST_HEADERS_TOO_LARGE,
    501: Cause.BAD_REQUEST,  # an unsupported transfer coding
}


_OPENED = {101, 200}  # statuses of a websocket over HTTP/1.1 and HTTP/2 (RFC 8441)


def find_cause(evidence: Evidence, header_kib: int, *, presents_identity: bool) -> Cause:
    """
    Return the code for a failed request; *header_kib* is the limit of a response's header in KiB.

    *presents_identity* is whether the gateway has a client certificate for this backend.
    """
    if evidence.challenged:
        return Cause.CONNECTION_AUTHENTICATION
    if evidence.suspends and "UH" in evidence.flags:
        return Cause.BACKEND_SUSPENDED
    if by_caller := _find_caller_cause(evidence):
        return by_caller
    connecting = classify_reason(
        evidence.reason,
        timed_out=bool(evidence.flags & TIMEOUT_FLAGS) or evidence.reset == "connection_timeout",
        without_host=bool(evidence.flags & {"UH", "DF"}),
        presents_identity=presents_identity,
    )
    return (_find_http_cause(evidence, header_kib) or connecting) if connecting is Cause.OTHER else connecting


def is_attempt_reported(evidence: Evidence) -> bool:
    """Return whether the last attempt of a failed request at a group's member is reported on its own, too."""
    # The timeout of the whole request isn't one of the attempt.
    return bool(evidence.flags & ATTEMPT_FLAGS) and evidence.details != "response_timeout"


def _find_http_cause(evidence: Evidence, header_kib: int) -> Cause | None:
    """Return the code for a failure after the handshake, or for a request that never reached the backend."""
    if "NC" in evidence.flags:
        return Cause.BACKEND_NOT_READY
    if "UO" in evidence.flags:
        return Cause.TOO_MANY_OPEN_REQUESTS
    if evidence.began:
        return (
            Cause.CONTRADICTORY_LENGTH if evidence.http2 and "UPE" in evidence.flags else Cause.CLOSED_DURING_RESPONSE
        )
    if "UPE" in evidence.flags:
        return _find_unreadable_cause(evidence, header_kib)
    if evidence.reset == "remote_refused_stream_reset":
        return Cause.STREAM_REFUSED
    if "UR" in evidence.flags and evidence.decoded_header:
        # Envoy resets a stream whose header exceeds a limit, and logs that exactly like a reset by the backend.
        too_large = evidence.decoded_header >= evidence.attempts * header_kib * _KIB
        return Cause.RESPONSE_HEADERS_TOO_LARGE if too_large else Cause.TOO_MANY_RESPONSE_HEADERS
    return Cause.CLOSED_BEFORE_RESPONSE if evidence.flags & {"UC", "UR"} else None


def _find_caller_cause(evidence: Evidence) -> Cause | None:
    """Return the code for a failure that is not the backend's fault; None if it is the backend's."""
    if evidence.status == 408:
        return Cause.CALLER_STOPPED_SENDING
    if evidence.websocket and evidence.status in _OPENED and "SI" in evidence.flags:
        return Cause.WEBSOCKET_IDLE
    if evidence.flags & BACKEND_FLAGS or evidence.details.startswith("upstream_"):
        return None
    if "OM" in evidence.flags:
        return Cause.GATEWAY_OVERLOADED
    if evidence.details.startswith("rbac_access_denied"):  # see `refusals`
        return Cause.REQUEST_REFUSED
    if evidence.flags & {"DC", "DR"} or evidence.details.startswith("downstream_"):
        return Cause.CALLER_DISCONNECTED
    if evidence.details == "direct_response" and evidence.status in _DIRECT:
        return _DIRECT[evidence.status]
    return _REASONS.get(evidence.details) or _REJECTED.get(evidence.status)


def _find_unreadable_cause(evidence: Evidence, header_kib: int) -> Cause:
    if evidence.http2 or not evidence.received_header:
        too_large = not evidence.http2 and evidence.received >= evidence.attempts * header_kib * _KIB
        return Cause.RESPONSE_HEADERS_TOO_LARGE if too_large else Cause.NOT_HTTP
    return Cause.CONTRADICTORY_LENGTH if evidence.decoded_header else Cause.TOO_MANY_RESPONSE_HEADERS
