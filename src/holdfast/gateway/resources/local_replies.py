"""
The gateway's own error responses to callers (Envoy calls them local replies).

Each row of REPLIES is a condition and a response; the first row that matches applies. Envoy has already chosen a status
by then (400 for a malformed request, 431 for a header that is too large, 503 for most failures of backends).
"""

from dataclasses import dataclass

from envoy.config.accesslog.v3.accesslog_pb2 import AccessLogFilter, ExtensionFilter, ResponseFlagFilter
from envoy.config.core.v3.base_pb2 import HeaderValue, HeaderValueOption
from envoy.config.core.v3.substitution_format_string_pb2 import SubstitutionFormatString
from envoy.extensions.access_loggers.filters.cel.v3.cel_pb2 import ExpressionFilter
from envoy.extensions.filters.network.http_connection_manager.v3.http_connection_manager_pb2 import (
    LocalReplyConfig,
    ResponseMapper,
)
from google.protobuf.struct_pb2 import Struct
from google.protobuf.wrappers_pb2 import UInt32Value

from holdfast.gateway.resources.constants import METADATA, SLOW_CONNECTION, SUSPENDS
from holdfast.gateway.resources.forwarding import REQUEST_ID_HEADER
from holdfast.gateway.resources.operations import METHOD_NOT_LISTED, NOT_LISTED
from holdfast.gateway.resources.refusals import ESCAPES, NOT_ASCII, TRACES, TWO_HOSTS, name_refusal
from holdfast.gateway.resources.websockets import NO_WEBSOCKET

_NEW_ID = "%UNIQUE_ID%"
# The id that was sent to the backend, or a new one if Envoy rejects the request before assigning an id.
_REQUEST_ID = '%COALESCE({"operators":[{"command":"REQ","param":"X-REQUEST-ID"},"UNIQUE_ID"]})%'


@dataclass(frozen=True, slots=True)
class Reply:
    """A response of the gateway; *when* is a CEL expression, or response flags of which at least one must be set."""

    when: str | frozenset[str]
    status: int  # 0: keep the status that Envoy chose
    code: str  # stable, documented in docs/reference/causes.md
    message: str
    request_id: str = _REQUEST_ID


def _find_flags(*flags: str) -> frozenset[str]:
    return frozenset(flags)


def _match_status(status: int) -> str:
    return f"response.code == {status}"


def _match_direct(status: int) -> str:
    """Return a condition for responses that a route sends itself, without a backend."""
    return f"response.code_details == 'direct_response' && {_match_status(status)}"


_NO_CREDENTIAL = "response.code_details == 'failed_to_inject_credential'"
_NOT_TRUSTED = "upstream.transport_failure_reason.contains('CERTIFICATE_VERIFY_FAILED')"
# Envoy keeps the status of such a response if it is below 400, and replaces the backend's body with its own.
_NO_WEBSOCKET = "response.code_details == 'websocket_handshake_unsuccessful'"
_REDIRECT = "response.code >= 300"
_SUSPENDED = (
    "response.code_details.startsWith('no_healthy_upstream') && "
    f"xds.route_metadata.filter_metadata['{METADATA}']['{SUSPENDS}'] == true"
)
_STREAM_REFUSED = "response.code_details.contains('{remote_refused_stream_reset')"

# Responses of prototypes, which stay as they are (see `mocks.py`).
_EXAMPLE = "response.code_details == 'direct_response' && response.code < 300"

REPLIES = (
    # Requests that never reach a backend.
    Reply(
        name_refusal(ESCAPES),
        400,
        "escaping_path",
        "The path contains an encoded '..' segment. Send the resolved path.",
    ),
    Reply(name_refusal(TWO_HOSTS), 400, "two_hosts", "The request has more than one Host header. Send only one."),
    Reply(name_refusal(NOT_ASCII), 400, "bad_request", "Percent-encode characters that aren't ASCII."),
    Reply(name_refusal(TRACES), 501, "method_not_supported", "The gateway does not forward TRACE. Use another method."),
    Reply(
        _match_direct(403),  # see `routes.build_refusals`
        403,
        "client_certificate_required",
        "This API requires a client certificate that it accepts.",
    ),
    Reply(_match_direct(503), 503, "api_blocked", "This API is blocked. Try again later."),  # see `routes.build_routes`
    Reply(_match_direct(NOT_LISTED), 404, "resource_not_found", "This API has no resource at this path."),
    Reply(
        _match_direct(METHOD_NOT_LISTED), 405, "method_not_allowed", "This API allows other methods here; see Allow."
    ),
    Reply(
        _match_direct(NO_WEBSOCKET), 400, "websocket_required", "This API has only websockets. Ask for one (RFC 6455)."
    ),
    Reply(_match_status(429), 429, "too_many_requests", "The API gets too many requests. Try again after Retry-After."),
    Reply(_find_flags("NR"), 404, "not_found", "No API is published at this URL."),
    # Envoy rejects some of these while they still have the id that the caller sent, hence the new id.
    Reply(_find_flags("OM"), 503, "gateway_overloaded", "The gateway is overloaded. Try again later.", _NEW_ID),
    Reply(_match_status(400), 400, "bad_request", "The gateway can't read this request as HTTP.", _NEW_ID),
    Reply(_match_status(403), 403, "request_refused", "The gateway does not allow this request."),
    Reply(_match_status(404), 404, "not_found", "No API is published at this URL.", _NEW_ID),
    Reply(_match_status(408), 408, "request_timeout", "The request did not arrive in time."),
    Reply(_match_status(413), 413, "request_too_large", "The request's body is too large."),
    Reply(
        _match_status(501), 501, "bad_request", "Requests can't use a transfer coding other than 'chunked'.", _NEW_ID
    ),
    Reply(_match_status(426), 426, "http_version_not_supported", "Use HTTP/1.1 or HTTP/2.", _NEW_ID),
    Reply(_match_status(431), 431, "request_headers_too_large", "The request's header is too large.", _NEW_ID),
    # Failures of backends.
    Reply(f"{_NO_WEBSOCKET} && {_REDIRECT}", 0, "not_a_websocket", "The backend redirects this websocket."),
    Reply(_NO_WEBSOCKET, 502, "not_a_websocket", "The backend did not open a websocket at this path."),
    # The backend's own 401 passes. This one comes from a filter of the cluster (see `credentials.py`).
    Reply(_NO_CREDENTIAL, 503, "backend_sign_in_failed", "The gateway can't sign in to the backend."),
    Reply(_NOT_TRUSTED, 503, "backend_not_trusted", "The gateway does not trust the backend."),
    Reply(_find_flags("UO"), 503, "too_many_open_requests", "The backend has too many open requests. Try again later."),
    Reply(SLOW_CONNECTION, 504, "backend_timeout", "The backend did not respond in time."),
    Reply(_find_flags("UT", "SI", "DT", "UMSDR"), 504, "backend_timeout", "The backend did not respond in time."),
    Reply(_STREAM_REFUSED, 503, "backend_unreachable", "The gateway can't reach the backend."),
    Reply(
        _find_flags("UPE", "UC", "UR"), 502, "backend_response_invalid", "The backend did not send a valid response."
    ),
    Reply(
        _find_flags("NC"), 503, "backend_not_ready", "The gateway is still setting up this API. Try again in a moment."
    ),
    Reply(_SUSPENDED, 503, "backend_suspended", "The backend failed repeatedly. Try again later."),
    Reply(
        _find_flags("UF", "UH", "LR", "URX", "DF"), 503, "backend_unreachable", "The gateway can't reach the backend."
    ),
    Reply("true", 0, "request_refused", "The gateway could not process this request."),
)


def build_local_replies() -> LocalReplyConfig:
    """Build a listener's own error responses; each carries its request id, both in the body and as a header."""
    examples = ResponseMapper(filter=match_expression(_EXAMPLE), headers_to_add=[_build_id_header(_REQUEST_ID)])
    return LocalReplyConfig(mappers=[examples, *map(_build_mapper, REPLIES)])


def match_expression(expression: str) -> AccessLogFilter:
    """Return a filter for the requests for which a CEL *expression* is true."""
    extension = ExtensionFilter(name="envoy.access_loggers.extension_filters.cel")
    extension.typed_config.Pack(ExpressionFilter(expression=expression), deterministic=True)
    return AccessLogFilter(extension_filter=extension)


def match_flags(flags: frozenset[str]) -> AccessLogFilter:
    """Return a filter for the requests that have at least one of these response flags."""
    return AccessLogFilter(response_flag_filter=ResponseFlagFilter(flags=sorted(flags)))


def _build_mapper(reply: Reply) -> ResponseMapper:
    body = Struct()
    body.update({"code": reply.code, "message": reply.message, "request_id": f"%RESP({REQUEST_ID_HEADER})%"})
    return ResponseMapper(
        filter=match_expression(reply.when) if isinstance(reply.when, str) else match_flags(reply.when),
        status_code=UInt32Value(value=reply.status) if reply.status else None,
        headers_to_add=[_build_id_header(reply.request_id)],
        body_format_override=SubstitutionFormatString(json_format=body, content_type="application/json"),
    )


def _build_id_header(value: str) -> HeaderValueOption:
    overwrite = HeaderValueOption.OVERWRITE_IF_EXISTS_OR_ADD
    return HeaderValueOption(header=HeaderValue(key=REQUEST_ID_HEADER, value=value), append_action=overwrite)
