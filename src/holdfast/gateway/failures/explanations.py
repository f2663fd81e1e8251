"""
Explanations of failed requests, and how to fix them, for the people who run the API. Pure.
"""

from dataclasses import dataclass, replace
from enum import StrEnum

from holdfast.gateway.failures.causes import TOKEN_CAUSES, Cause
from holdfast.gateway.failures.presented_names import read_presented_names
from holdfast.gateway.resources.backend_limits import DEFAULT_LIMITS, BackendLimits


class SuggestedAction(StrEnum):
    """The button that a page shows next to a cause."""

    IMPORT_CERTIFICATE = "import_certificate"  # fetched from the endpoint
    REPLACE_CERTIFICATE = "replace_certificate"
    CHANGE_ENDPOINT = "change_endpoint"
    ADD_GATEWAY_IDENTITY = "add_client_certificate"
    CHANGE_TRUST_SETTINGS = "change_trust_settings"
    TEST_ENDPOINT = "test_endpoint"


@dataclass(frozen=True, slots=True)
class Explanation:
    """The meaning of a cause, its remedy, and the button for that, if there is one."""

    sentence: str
    remedy: str
    action: SuggestedAction | None = None


EXPLANATIONS: dict[Cause, Explanation] = {
    Cause.EXPIRED: Explanation(
        "The backend's certificate, or a CA certificate in its chain, has expired.",
        "Renew it at the backend. If you imported the expired certificate, import its replacement as well.",
    ),
    Cause.NOT_YET_VALID: Explanation(
        "The backend's certificate, or a CA certificate in its chain, is not valid yet.",
        "Wait until it becomes valid. If its start date is wrong, correct the clock of the machine that issued it and "
        "issue it again.",
    ),
    Cause.UNKNOWN_ISSUER: Explanation(
        "The backend's certificate doesn't chain to a certificate that is trusted for this endpoint.",
        "Import the certificate, or the certificate of the CA that issued it. If that CA is already imported, the "
        "backend is not sending its intermediate certificates: configure it to send them, or import them too.",
        SuggestedAction.IMPORT_CERTIFICATE,
    ),
    Cause.SELF_SIGNED_NOT_TRUSTED: Explanation(
        "The backend presents a self-signed certificate that isn't trusted for this endpoint.",
        "Verify its fingerprint with the backend's operator, then import it.",
        SuggestedAction.IMPORT_CERTIFICATE,
    ),
    Cause.CHAIN_INCOMPLETE: Explanation(
        "The backend's certificate chain ends before it reaches a certificate that is trusted for this endpoint.",
        "Configure the backend to send its intermediate certificates, or import the certificate of the CA that issued "
        "the last certificate in the chain.",
        SuggestedAction.IMPORT_CERTIFICATE,
    ),
    Cause.HOSTNAME_MISMATCH: Explanation(
        "The backend's certificate is not valid for the host of this endpoint.",
        "Get a certificate with the right name, or accept one of this certificate's names in the trust settings.",
        SuggestedAction.CHANGE_TRUST_SETTINGS,
    ),
    Cause.NO_SUBJECT_ALT_NAME: Explanation(
        "The backend's certificate has no host name in subjectAltName.",
        "Get a certificate with the endpoint's host in subjectAltName; gateways ignore the common name. Or pin this "
        "certificate in the trust settings and skip the host-name check there.",
        SuggestedAction.CHANGE_TRUST_SETTINGS,
    ),
    Cause.PIN_MISMATCH: Explanation(
        "The backend's certificate or key matches none of the pins for this endpoint.",
        "Ask the backend's operator whether it was renewed. If so, pin the new one. If not, something else may be "
        "answering in the backend's place.",
        SuggestedAction.CHANGE_TRUST_SETTINGS,
    ),
    Cause.REVOKED: Explanation(
        "The backend's certificate, or a CA certificate in its chain, has been revoked.",
        "Ask the backend's operator for a new certificate, and why this one was revoked.",
    ),
    Cause.CRL_STALE: Explanation(
        "A certificate revocation list (CRL) that the gateway needs is missing, expired, incomplete, or not signed by "
        "its CA.",
        "Upload a current, complete CRL for each CA between the backend's certificate and the trusted one.",
        SuggestedAction.CHANGE_TRUST_SETTINGS,
    ),
    Cause.WEAK_SIGNATURE: Explanation(
        "A certificate in the backend's chain is signed with an algorithm that gateways reject, such as MD5.",
        "Ask the CA for a certificate that is signed with SHA-256.",
    ),
    Cause.WEAK_KEY: Explanation(
        "A CA certificate in the backend's chain has a type of key that gateways reject.",
        "Get certificates from a CA with an RSA key of 2048 bits or more, or a P-256, P-384 or P-521 key.",
    ),
    Cause.KEY_USAGE_WRONG: Explanation(
        "The backend's certificate, or a CA certificate in its chain, wasn't issued for server authentication.",
        "Get a certificate with key usage digitalSignature and extended key usage serverAuth.",
    ),
    Cause.ISSUER_NOT_A_CA: Explanation(
        "A certificate in the backend's chain was issued by a certificate that is not a CA.",
        "Get a certificate from a CA, or replace the imported certificates with the backend's own certificate.",
        SuggestedAction.REPLACE_CERTIFICATE,
    ),
    Cause.UNREADABLE_CERTIFICATE: Explanation(
        "The backend presents a certificate that can't be read.",
        "Ask the backend's operator to replace it.",
    ),
    Cause.PATH_LENGTH_EXCEEDED: Explanation(
        "The backend's certificate chain is longer than one of its CAs allows.",
        "Get a certificate from a CA that is allowed to issue it, or replace the imported certificates with the "
        "backend's own certificate.",
        SuggestedAction.REPLACE_CERTIFICATE,
    ),
    Cause.NAME_CONSTRAINT_VIOLATION: Explanation(
        "The backend's certificate has a name that a CA in its chain is not allowed to issue for, or the gateway can't "
        "check that CA's name constraints.",
        "Get a certificate from a CA that is allowed to issue for this host, or replace the imported certificates with "
        "the backend's own certificate.",
        SuggestedAction.REPLACE_CERTIFICATE,
    ),
    Cause.UNKNOWN_CRITICAL_EXTENSION: Explanation(
        "A certificate in the backend's chain has a critical extension that gateways don't support.",
        "Get a certificate without that extension.",
    ),
    Cause.TLS_VERSION_MISMATCH: Explanation(
        "The backend supports neither TLS 1.2 nor TLS 1.3.", "Enable TLS 1.2 or 1.3 on the backend."
    ),
    Cause.CIPHER_MISMATCH: Explanation(
        "The gateway and the backend have no cipher, curve or signature algorithm in common.",
        "Enable an ECDHE cipher with AES-GCM or ChaCha20 on the backend, and use an RSA key of 2048 bits or more, or a "
        "P-256, P-384, P-521 or Ed25519 key.",
    ),
    Cause.CLIENT_CERTIFICATE_REQUIRED: Explanation(
        "The backend requires a client certificate, and the gateway has none for this endpoint.",
        "Add the client certificate that you got from the backend's operator.",
        SuggestedAction.ADD_GATEWAY_IDENTITY,
    ),
    Cause.CLIENT_CERTIFICATE_REJECTED: Explanation(
        "The backend rejected the gateway's client certificate.",
        "Ask the backend's operator which client certificates it accepts, and add one of them.",
        SuggestedAction.ADD_GATEWAY_IDENTITY,
    ),
    Cause.NOT_TLS: Explanation(
        "The backend does not use TLS on this port.",
        "Check the port. If the backend really uses HTTP without TLS, change the endpoint's URL to http://.",
        SuggestedAction.CHANGE_ENDPOINT,
    ),
    Cause.NOT_HTTP: Explanation(
        "The gateway can't read the backend's response as HTTP: the backend uses another protocol, or the response's "
        "header is truncated or malformed, for example with two Content-Length fields.",
        "Check the port and the endpoint's protocol (HTTP/1.1 or HTTP/2). If they are right, inspect the response with "
        "`curl -v`, and check the backend's log for errors.",
        SuggestedAction.CHANGE_ENDPOINT,
    ),
    Cause.RESPONSE_HEADERS_TOO_LARGE: Explanation(
        "The header of the backend's response is too large.",
        "Shorten cookies and other fields at the backend, or raise HOLDFAST_HEADER_KIB.",
    ),
    Cause.TOO_MANY_RESPONSE_HEADERS: Explanation(
        "The header of the backend's response has too many fields.",
        "Check whether the backend repeats a field endlessly, or raise HOLDFAST_HEADER_FIELDS.",
    ),
    Cause.CONTRADICTORY_LENGTH: Explanation(
        "The backend gives contradictory lengths for its response.",
        "Make the backend send either one correct Content-Length or Transfer-Encoding: chunked, but not both.",
    ),
    Cause.CLOSED_BEFORE_RESPONSE: Explanation(
        "The backend closed the connection, or reset its HTTP/2 stream, before it responded.",
        "Check the backend's log. A backend that requires a client certificate may do this. A backend that requires "
        "HTTP/1.1 for this path resets the stream: set the endpoint's protocol to HTTP/1.1.",
        SuggestedAction.TEST_ENDPOINT,
    ),
    Cause.CLOSED_DURING_RESPONSE: Explanation(
        "The backend's response ended before it was complete.",
        "Check the backend's log for a crash, a restart or a timeout at that time.",
    ),
    Cause.STREAM_REFUSED: Explanation(
        "The backend refused the request without processing it (HTTP/2 REFUSED_STREAM or GOAWAY).",
        "The backend is shutting down or overloaded. Check its log, and raise its limit of concurrent streams.",
    ),
    Cause.TOO_MANY_OPEN_REQUESTS: Explanation(
        "The backend has as many open requests as the gateway allows.",
        "Find out why the backend is slow. If it can handle more at once, raise HOLDFAST_BACKEND_REQUESTS (for "
        "websockets, HOLDFAST_BACKEND_WEBSOCKETS) and HOLDFAST_BACKEND_CONNECTIONS.",
    ),
    Cause.CONNECTION_REFUSED: Explanation(
        "The backend refuses connections.",
        "Check that it is running, and that the host and port are right.",
        SuggestedAction.CHANGE_ENDPOINT,
    ),
    Cause.SIGN_IN_FAILED: Explanation(
        "The gateway has no secret that it can send to this backend, so it rejects requests.",
        "Enter the secret again under Endpoint Security. The gateway doesn't send it if the endpoint's host has "
        "changed since, if verification is off, or if Holdfast can't decrypt it (see the publisher's log).",
        SuggestedAction.CHANGE_ENDPOINT,
    ),
    Cause.TOKEN_ENDPOINT_NOT_TRUSTED: Explanation(
        "The gateway gets no token for this backend, because it doesn't trust the token endpoint.",
        "Test the token endpoint under Trust settings of the API's Endpoints page to see what it presents. Then import "
        "its certificate, or that of the CA that issued it.",
        SuggestedAction.CHANGE_ENDPOINT,
    ),
    Cause.TOKEN_ENDPOINT_UNREACHABLE: Explanation(
        "The gateway gets no token for this backend, because it can't reach the token endpoint.",
        "Check the token URL under Endpoint Security, that the token endpoint is running, and that the gateway can "
        "connect to it.",
        SuggestedAction.CHANGE_ENDPOINT,
    ),
    Cause.TOKEN_REQUEST_REJECTED: Explanation(
        "The token endpoint rejects the gateway's request for a token.",
        "Check the client ID, the secret and the parameters under Endpoint Security, and that the client may use the "
        "grant type client credentials.",
        SuggestedAction.CHANGE_ENDPOINT,
    ),
    Cause.TOKEN_ANSWER_INVALID: Explanation(
        "The token endpoint's answer contains no token that the gateway can use.",
        "Check the token URL. The answer must be JSON with access_token, and redirects aren't followed.",
        SuggestedAction.CHANGE_ENDPOINT,
    ),
    Cause.TOKENS_NOT_SUPPORTED: Explanation(
        "The gateway's agent is of a version that can't get access tokens, so it rejects requests.",
        "Upgrade Holdfast on the gateway's machine.",
    ),
    Cause.DNS_FAILURE: Explanation(
        "DNS lookup failed for the host of this endpoint.",
        "Check the name and the gateway's DNS servers.",
        SuggestedAction.CHANGE_ENDPOINT,
    ),
    Cause.TIMEOUT: Explanation(
        "The backend did not respond in time.",
        "Check that it is running, and that no firewall drops the connection.",
        SuggestedAction.TEST_ENDPOINT,
    ),
    Cause.TRUST_NOT_READY: Explanation(
        "The gateway has not received the trusted certificates for this endpoint yet.",
        "Wait a moment. If this continues, check the logs.",
    ),
    Cause.BACKEND_NOT_READY: Explanation(
        "The gateway isn't ready to call this backend: the API has just been published, or an exception for the "
        "endpoint expired while the gateway was disconnected from the publisher.",
        "Call again in a moment. If this continues, run `holdfast doctor`.",
    ),
    Cause.CONNECTION_AUTHENTICATION: Explanation(
        "The backend asks callers to authenticate their connection (NTLM or Negotiate). Callers share connections to "
        "the backend, so the gateway removed the challenge.",
        "Configure the backend to use a scheme that authenticates each request, such as Basic or Bearer, or turn on "
        "one connection per caller for this endpoint.",
        SuggestedAction.CHANGE_ENDPOINT,
    ),
    Cause.OTHER: Explanation(
        "The request failed for a reason that has no code.",
        "Check the backend's log for this time, and test the endpoint.",
        SuggestedAction.TEST_ENDPOINT,
    ),
    Cause.CALLER_DISCONNECTED: Explanation(
        "The caller closed the connection before the response was complete.",
        "If callers give up waiting, raise their timeout or make the backend faster. The normal end of a websocket or "
        "an event stream looks the same and needs no action.",
    ),
    Cause.CALLER_STOPPED_SENDING: Explanation(
        "The caller stopped sending its request.",
        "Check for connections that are lost on the way to the gateway, and for callers that announce a larger body "
        "than they send.",
    ),
    Cause.CALLER_NOT_ACCEPTED: Explanation(
        "The caller did not present a client certificate that this API accepts.",
        "Add the caller's certificate to the API, or ask the caller to present one that is valid and accepted.",
    ),
    Cause.API_NOT_FOUND: Explanation(
        "No published API has this context and version.",
        "Compare the URL with the API's Overview, and check that the API is published.",
    ),
    Cause.OPERATION_NOT_LISTED: Explanation(
        "The API serves only its listed operations, and this isn't one.", "Compare method and path with its operations."
    ),
    Cause.RATE_LIMITED: Explanation(
        "The API received more requests than its limit allows.", "Raise maxTps, or ask callers to slow down."
    ),
    Cause.NOT_A_WEBSOCKET: Explanation(
        "The caller asked for a websocket, and the backend answered with something else, such as a page or a redirect.",
        "Check that the backend accepts websockets at this path, and whether it requires HTTP/1.1 or signing in first.",
    ),
    Cause.WEBSOCKET_REQUIRED: Explanation(
        "The API has the type WS, so it has only websockets, and this request didn't ask for one.",
        "Let the caller use a ws:// or wss:// URL. If the API also serves other requests, change its type to HTTP.",
    ),
    Cause.BAD_REQUEST: Explanation(
        "The gateway can't read the request as HTTP.",
        "Check what the caller sends: the request line, the header fields, and whether it uses TLS on a port without "
        "TLS.",
    ),
    Cause.REQUEST_REFUSED: Explanation(
        "The gateway does not allow this request.",
        "Check what the caller sends: a path with an encoded '..' segment, two Host headers, or characters that aren't "
        "ASCII.",
    ),
    Cause.REQUEST_TOO_LARGE: Explanation(
        "The request's body is larger than the gateway allows.", "Ask the caller to send less at once."
    ),
    Cause.REQUEST_HEADERS_TOO_LARGE: Explanation(
        "The request's header is too large or has too many fields.",
        "Ask the caller to send fewer cookies and shorter fields, or raise HOLDFAST_HEADER_KIB or "
        "HOLDFAST_HEADER_FIELDS.",
    ),
    Cause.HTTP_VERSION_NOT_SUPPORTED: Explanation(
        "The caller uses an HTTP version that the gateway doesn't support.", "Ask the caller to use HTTP/1.1 or HTTP/2."
    ),
    Cause.GATEWAY_OVERLOADED: Explanation(
        "The gateway is overloaded.",
        "Give the gateway's machine more memory and file descriptors, or add another gateway.",
    ),
    Cause.BACKEND_SUSPENDED: Explanation(
        "The gateway did not call the backend: it failed repeatedly, and the endpoint's settings suspend it for a "
        "while. Or DNS lookup fails for its host.",
        "Fix the failure before the suspension, which Failures shows if it is known. Otherwise, check the host name "
        "and the gateway's DNS servers.",
    ),
}


def explain(cause: Cause, reason: str, limits: BackendLimits = DEFAULT_LIMITS) -> Explanation:
    """Explain *cause* with the details in Envoy's *reason* and the gateways' *limits*."""
    explanation = EXPLANATIONS[cause]
    more = _more(cause, reason, limits)
    return replace(explanation, sentence=f"{explanation.sentence} {more}") if more else explanation


def _more(cause: Cause, reason: str, limits: BackendLimits) -> str:
    if cause in TOKEN_CAUSES:
        return f"The gateway reports: {reason}." if reason else ""
    match cause:
        case Cause.HOSTNAME_MISMATCH:
            names = read_presented_names(reason)
            return f"It has {names}." if names else ""
        case Cause.TOO_MANY_OPEN_REQUESTS:
            return (
                f"Limits, unless the endpoint has its own: open requests {limits.requests:,}, connections "
                f"{limits.connections:,}, requests waiting for a connection {limits.pending:,}, websockets "
                f"{limits.websockets:,}."
            )
        case Cause.RESPONSE_HEADERS_TOO_LARGE | Cause.TOO_MANY_RESPONSE_HEADERS | Cause.REQUEST_HEADERS_TOO_LARGE:
            return f"The gateway allows {limits.header_fields:,} fields and {limits.header_kib:,} KiB."
        case Cause.OTHER:
            return f"The gateway reports: {reason}." if reason else ""
    return ""
