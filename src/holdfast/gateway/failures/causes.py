"""
The code for why a connection to a backend failed, from Envoy's text. Pure; `explanations` says what each code means.

The texts were measured with Envoy 1.40 and BoringSSL (`%UPSTREAM_TRANSPORT_FAILURE_REASON%`).
"""

import re
from enum import StrEnum
from functools import lru_cache


class Cause(StrEnum):
    """Stable codes, each documented in docs/reference/causes.md."""

    EXPIRED = "expired"
    NOT_YET_VALID = "not_yet_valid"
    UNKNOWN_ISSUER = "unknown_issuer"
    SELF_SIGNED_NOT_TRUSTED = "self_signed_not_trusted"
    CHAIN_INCOMPLETE = "chain_incomplete"
    HOSTNAME_MISMATCH = "hostname_mismatch"
    NO_SUBJECT_ALT_NAME = "no_subject_alt_name"
    PIN_MISMATCH = "pin_mismatch"
    REVOKED = "revoked"
    CRL_STALE = "crl_stale"
    WEAK_SIGNATURE = "weak_signature"
    WEAK_KEY = "weak_key"
    KEY_USAGE_WRONG = "key_usage_wrong"
    ISSUER_NOT_A_CA = "issuer_not_a_ca"
    PATH_LENGTH_EXCEEDED = "path_length_exceeded"
    NAME_CONSTRAINT_VIOLATION = "name_constraint_violation"
    UNKNOWN_CRITICAL_EXTENSION = "unknown_critical_extension"
    UNREADABLE_CERTIFICATE = "unreadable_certificate"
    TLS_VERSION_MISMATCH = "tls_version_mismatch"
    CIPHER_MISMATCH = "cipher_mismatch"
    CLIENT_CERTIFICATE_REQUIRED = "client_certificate_required"
    CLIENT_CERTIFICATE_REJECTED = "client_certificate_rejected"
    NOT_TLS = "not_tls"
    NOT_HTTP = "not_http"
    RESPONSE_HEADERS_TOO_LARGE = "response_headers_too_large"
    TOO_MANY_RESPONSE_HEADERS = "too_many_response_headers"
    CONTRADICTORY_LENGTH = "contradictory_length"
    CLOSED_BEFORE_RESPONSE = "closed_before_response"
    CLOSED_DURING_RESPONSE = "closed_during_response"
    STREAM_REFUSED = "stream_refused"
    TOO_MANY_OPEN_REQUESTS = "too_many_open_requests"
    CONNECTION_REFUSED = "connection_refused"
    DNS_FAILURE = "dns_failure"
    TIMEOUT = "timeout"
    TRUST_NOT_READY = "trust_not_ready"
    STORED_DATA_UNREADABLE = "stored_data_unreadable"
    BACKEND_NOT_READY = "backend_not_ready"
    CONNECTION_AUTHENTICATION = "connection_authentication"
    SIGN_IN_FAILED = "sign_in_failed"
    TOKEN_ENDPOINT_NOT_TRUSTED = "token_endpoint_not_trusted"  # noqa: S105 - a code
    TOKEN_ENDPOINT_UNREACHABLE = "token_endpoint_unreachable"  # noqa: S105 - a code
    TOKEN_REQUEST_REJECTED = "token_request_rejected"  # noqa: S105 - a code
    TOKEN_ANSWER_INVALID = "token_answer_invalid"  # noqa: S105 - a code
    TOKENS_NOT_SUPPORTED = "tokens_not_supported"  # by the agent, of an earlier version
    OTHER = "other"
    # Not the backend's fault.
    CALLER_DISCONNECTED = "caller_disconnected"
    CALLER_STOPPED_SENDING = "caller_stopped_sending"
    CALLER_NOT_ACCEPTED = "caller_not_accepted"
    API_NOT_FOUND = "api_not_found"
    OPERATION_NOT_LISTED = "operation_not_listed"
    RATE_LIMITED = "rate_limited"
    NOT_A_WEBSOCKET = "not_a_websocket"
    WEBSOCKET_REQUIRED = "websocket_required"
    WEBSOCKET_IDLE = "websocket_idle"
    BAD_REQUEST = "bad_request"
    REQUEST_REFUSED = "request_refused"
    REQUEST_TOO_LARGE = "request_too_large"
    REQUEST_HEADERS_TOO_LARGE = "request_headers_too_large"
    HTTP_VERSION_NOT_SUPPORTED = "http_version_not_supported"
    GATEWAY_OVERLOADED = "gateway_overloaded"
    BACKEND_SUSPENDED = "backend_suspended"  # its last failure before that has the cause


# Why the agent has no token to sign in with; it reports the cause itself.
TOKEN_CAUSES = frozenset(
    {
        Cause.TOKEN_ENDPOINT_NOT_TRUSTED,
        Cause.TOKEN_ENDPOINT_UNREACHABLE,
        Cause.TOKEN_REQUEST_REJECTED,
        Cause.TOKEN_ANSWER_INVALID,
        Cause.TOKENS_NOT_SUPPORTED,
    }
)
# Requests that fail for one of these causes say nothing about the backend, so it isn't listed as failing.
NOT_OF_BACKENDS = frozenset(
    {
        Cause.CALLER_DISCONNECTED,
        Cause.CALLER_STOPPED_SENDING,
        Cause.CALLER_NOT_ACCEPTED,
        Cause.API_NOT_FOUND,
        Cause.OPERATION_NOT_LISTED,
        Cause.RATE_LIMITED,
        Cause.NOT_A_WEBSOCKET,
        Cause.WEBSOCKET_REQUIRED,
        Cause.WEBSOCKET_IDLE,
        Cause.BAD_REQUEST,
        Cause.REQUEST_REFUSED,
        Cause.REQUEST_TOO_LARGE,
        Cause.REQUEST_HEADERS_TOO_LARGE,
        Cause.HTTP_VERSION_NOT_SUPPORTED,
        Cause.GATEWAY_OVERLOADED,
        Cause.BACKEND_SUSPENDED,
    }
)


# What can be wrong with a backend's certificates, by precedence: if several causes apply, the first is reported, since
# fixing a later one doesn't help while an earlier one remains. Validity comes first, then key and signature, then
# names, then the issuer. Documented in docs/reference/causes.md.
CERTIFICATE_CAUSES: tuple[Cause, ...] = (
    Cause.EXPIRED,
    Cause.NOT_YET_VALID,
    Cause.REVOKED,
    Cause.WEAK_SIGNATURE,
    Cause.WEAK_KEY,
    Cause.KEY_USAGE_WRONG,
    Cause.UNKNOWN_CRITICAL_EXTENSION,
    Cause.NO_SUBJECT_ALT_NAME,
    Cause.HOSTNAME_MISMATCH,
    Cause.PIN_MISMATCH,
    Cause.NAME_CONSTRAINT_VIOLATION,
    Cause.PATH_LENGTH_EXCEEDED,
    Cause.ISSUER_NOT_A_CA,
    Cause.SELF_SIGNED_NOT_TRUSTED,
    Cause.CHAIN_INCOMPLETE,
    Cause.UNKNOWN_ISSUER,
    Cause.CRL_STALE,
)

_TEXTS: tuple[tuple[re.Pattern[str], Cause], ...] = tuple(
    (re.compile(pattern), cause)
    for pattern, cause in (
        # First, because the rest of this text comes from the backend's certificate and could match other patterns.
        (r"certificate sans are \[\]", Cause.NO_SUBJECT_ALT_NAME),
        (r"san matcher", Cause.HOSTNAME_MISMATCH),
        (r"cert hash and spki", Cause.PIN_MISMATCH),
        (r"provided crls failed: ?certificate revoked", Cause.REVOKED),
        (r"\bcrls?\b", Cause.CRL_STALE),  # missing, out of date, not signed, of another scope, ...
        (r"certificate has expired", Cause.EXPIRED),
        (r"certificate is not yet valid", Cause.NOT_YET_VALID),
        (r"depth 0: self.signed certificate", Cause.SELF_SIGNED_NOT_TRUSTED),
        (r"unable to get (local )?issuer certificate|self.signed certificate", Cause.UNKNOWN_ISSUER),
        (r"digest and key type not supported|unknown signature algorithm", Cause.WEAK_SIGNATURE),
        (r"unable to decode issuer public key|public key routines.*unsupported algorithm", Cause.WEAK_KEY),
        (r"cannot parse leaf cert", Cause.UNREADABLE_CERTIFICATE),
        (r"(x\.509 certificate|asn\.1 encoding|public key) routines:.*:decode error", Cause.UNREADABLE_CERTIFICATE),
        # The trusted issuer has the same name, but another key.
        (r"certificate signature failure", Cause.UNKNOWN_ISSUER),
        (r"key usage bit incorrect|unsupported certificate purpose", Cause.KEY_USAGE_WRONG),
        (r"invalid ca certificate", Cause.ISSUER_NOT_A_CA),
        (r"path length constraint exceeded", Cause.PATH_LENGTH_EXCEEDED),
        (r"(permitted|excluded) subtree violation|name constraint", Cause.NAME_CONSTRAINT_VIOLATION),
        (r"unhandled critical extension", Cause.UNKNOWN_CRITICAL_EXTENSION),
        (r"protocol version|unsupported protocol", Cause.TLS_VERSION_MISMATCH),
        (r"handshake failure on client hello|insufficient security|no shared cipher", Cause.CIPHER_MISMATCH),
        # An alert from the backend about a certificate can only be about the gateway's.
        (r"alert certificate required", Cause.CLIENT_CERTIFICATE_REQUIRED),
        (
            r"alert (unknown ca|access denied|unsupported certificate|certificate (revoked|expired|unknown))",
            Cause.CLIENT_CERTIFICATE_REJECTED,
        ),
        (r"wrong version number|http request", Cause.NOT_TLS),
        (r"connection refused", Cause.CONNECTION_REFUSED),
        (r"connection (reset by peer|closed)", Cause.CLOSED_BEFORE_RESPONSE),
        (r"timeout|timed out", Cause.TIMEOUT),
        (r"secret is not supplied", Cause.TRUST_NOT_READY),
    )
)
# Backends send these alerts both for a missing client certificate and for one that they reject.
_ABOUT_CLIENT_CERTIFICATE = re.compile(r"alert (handshake failure|bad certificate)")


@lru_cache(maxsize=1024)
def classify_reason(
    reason: str, *, timed_out: bool = False, without_host: bool = False, presents_identity: bool = False
) -> Cause:
    """
    Return the code for a failed connection from Envoy's *reason*.

    *timed_out* (flags UT, SI) and *without_host* (UH, DF) decide when *reason* doesn't; *presents_identity* is whether
    the gateway has a client certificate for this backend.
    """
    text = _simplify(reason)
    for pattern, cause in _TEXTS:
        if pattern.search(text):
            return cause
    if _ABOUT_CLIENT_CERTIFICATE.search(text):
        return Cause.CLIENT_CERTIFICATE_REJECTED if presents_identity else Cause.CLIENT_CERTIFICATE_REQUIRED
    if without_host:
        return Cause.DNS_FAILURE
    return Cause.TIMEOUT if timed_out else Cause.OTHER


def _simplify(reason: str) -> str:
    return reason.replace("_", " ").lower()
