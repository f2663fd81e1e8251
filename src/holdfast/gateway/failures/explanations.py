"""
What each cause of a failed request means to those who run the API, and what they can do about it. Pure.
"""

from dataclasses import dataclass, replace
from enum import StrEnum

from holdfast.gateway.failures.causes import Cause
from holdfast.gateway.failures.presented_names import read_presented_names
from holdfast.gateway.resources.backend_limits import DEFAULT_LIMITS, BackendLimits


class SuggestedAction(StrEnum):
    """What one button can do about a cause."""

    IMPORT_CERTIFICATE = "import_certificate"  # fetched from the endpoint
    REPLACE_CERTIFICATE = "replace_certificate"
    CHANGE_ENDPOINT = "change_endpoint"
    ADD_GATEWAY_IDENTITY = "add_client_certificate"
    CHANGE_TRUST_SETTINGS = "change_trust_settings"
    TEST_ENDPOINT = "test_endpoint"


@dataclass(frozen=True, slots=True)
class Explanation:
    """What a cause means to those who run the API, what they can do, and by which button, if one can do it."""

    sentence: str
    remedy: str
    action: SuggestedAction | None = None


EXPLANATIONS: dict[Cause, Explanation] = {
    Cause.EXPIRED: Explanation(
        "A certificate that the backend presents, or one above it, has expired.",
        "Renew the backend's certificate. If it is imported itself, import the new one then.",
    ),
    Cause.NOT_YET_VALID: Explanation(
        "A certificate that the backend presents is not valid yet.",
        "Wait until it is, or set the clock of the machine that made it.",
    ),
    Cause.UNKNOWN_ISSUER: Explanation(
        "The backend's certificate does not lead to a certificate that is trusted for this endpoint.",
        "Import the certificate, or that of the CA that issued it. If the CA is imported already, the backend does not "
        "send its intermediate certificates: import them too, or let the backend send them.",
        SuggestedAction.IMPORT_CERTIFICATE,
    ),
    Cause.SELF_SIGNED_NOT_TRUSTED: Explanation(
        "The backend presents a self-signed certificate that was not imported for this endpoint.",
        "Import it, after comparing its fingerprint with the backend's operator.",
        SuggestedAction.IMPORT_CERTIFICATE,
    ),
    Cause.CHAIN_INCOMPLETE: Explanation(
        "The chain that the backend sends ends before it reaches a certificate that is trusted for this endpoint.",
        "Let the backend send its intermediate certificates, or import that of the CA that issued the last one sent.",
        SuggestedAction.IMPORT_CERTIFICATE,
    ),
    Cause.HOSTNAME_MISMATCH: Explanation(
        "The backend's certificate is for other names than the host of this endpoint.",
        "Accept one of its names in the trust settings, or ask for a certificate with the right name.",
        SuggestedAction.CHANGE_TRUST_SETTINGS,
    ),
    Cause.NO_SUBJECT_ALT_NAME: Explanation(
        "The backend's certificate names no host in subjectAltName.",
        "Ask for a certificate with the endpoint's host as subjectAltName; the common name does not count. Or pin this "
        "certificate in the trust settings, and skip the check of names there.",
        SuggestedAction.CHANGE_TRUST_SETTINGS,
    ),
    Cause.PIN_MISMATCH: Explanation(
        "The backend presents another certificate or key than the one that is pinned for this endpoint.",
        "Ask the backend's operator whether it was renewed. If it was, pin the new one; if not, somebody else answers.",
        SuggestedAction.CHANGE_TRUST_SETTINGS,
    ),
    Cause.REVOKED: Explanation(
        "A certificate that the backend presents, or one above it, was revoked by its CA.",
        "Ask the backend's operator for a new certificate, and why this one was revoked.",
    ),
    Cause.CRL_STALE: Explanation(
        "A certificate revocation list (CRL) that the gateway needs is missing, out of date, incomplete, or not signed "
        "by its CA.",
        "Upload the current, complete CRL of each CA between the backend's certificate and the trusted one.",
        SuggestedAction.CHANGE_TRUST_SETTINGS,
    ),
    Cause.WEAK_SIGNATURE: Explanation(
        "A certificate that the backend presents is signed by a method that gateways refuse, like MD5.",
        "Ask the CA for a certificate that is signed with SHA-256.",
    ),
    Cause.WEAK_KEY: Explanation(
        "A certificate above the backend's has a key of a kind that gateways refuse.",
        "Ask for certificates of a CA with an RSA key of 2048 bits or more, or a P-256, P-384 or P-521 key.",
    ),
    Cause.KEY_USAGE_WRONG: Explanation(
        "The backend's certificate, or one above it, was not issued to identify a server.",
        "Ask for a certificate with key usage digitalSignature and extended key usage serverAuth.",
    ),
    Cause.ISSUER_NOT_A_CA: Explanation(
        "A certificate in the backend's chain was issued by one that is not a CA.",
        "Ask for a certificate of a CA, or replace the imported certificates with the backend's own.",
        SuggestedAction.REPLACE_CERTIFICATE,
    ),
    Cause.UNREADABLE_CERTIFICATE: Explanation(
        "The backend presents a certificate that can't be read.",
        "Ask the backend's owner to replace it.",
    ),
    Cause.PATH_LENGTH_EXCEEDED: Explanation(
        "There are more CAs between the backend's certificate and a trusted one than one of them allows.",
        "Ask for a certificate of a CA that may issue it, or replace the imported certificates with the backend's own.",
        SuggestedAction.REPLACE_CERTIFICATE,
    ),
    Cause.NAME_CONSTRAINT_VIOLATION: Explanation(
        "The backend's certificate has a name that a CA above it must not issue for, or its limits cannot be checked.",
        "Ask for a certificate of a CA that may issue for this host, or replace the imported certificates with the "
        "backend's own.",
        SuggestedAction.REPLACE_CERTIFICATE,
    ),
    Cause.UNKNOWN_CRITICAL_EXTENSION: Explanation(
        "A certificate that the backend presents holds a critical extension that gateways do not know.",
        "Ask for a certificate without it.",
    ),
    Cause.TLS_VERSION_MISMATCH: Explanation(
        "The backend speaks neither TLS 1.2 nor TLS 1.3.", "Enable TLS 1.2 or 1.3 at the backend."
    ),
    Cause.CIPHER_MISMATCH: Explanation(
        "Gateway and backend found no cipher, curve or signature algorithm in common.",
        "Enable an ECDHE cipher with AES-GCM or ChaCha20 at the backend, and give it an RSA key of 2048 bits or more, "
        "or a P-256, P-384, P-521 or Ed25519 key.",
    ),
    Cause.CLIENT_CERTIFICATE_REQUIRED: Explanation(
        "The backend asks the gateway for a client certificate, and the gateway has none for this endpoint.",
        "Add the client certificate that the backend's operator gave you.",
        SuggestedAction.ADD_GATEWAY_IDENTITY,
    ),
    Cause.CLIENT_CERTIFICATE_REJECTED: Explanation(
        "The backend does not accept the gateway's client certificate.",
        "Ask the backend's operator which client certificates are accepted, and add one of them.",
        SuggestedAction.ADD_GATEWAY_IDENTITY,
    ),
    Cause.NOT_TLS: Explanation(
        "The backend does not speak TLS on this port.",
        "Check the port, or write http:// if that is meant.",
        SuggestedAction.CHANGE_ENDPOINT,
    ),
    Cause.NOT_HTTP: Explanation(
        "The backend's response is not HTTP that the gateway can read: it is another protocol, or its header is cut "
        "off or malformed, for instance with two Content-Length fields.",
        "Check the port and the endpoint's protocol (HTTP/1.1 or HTTP/2). If they are right, look at the response with "
        "`curl -v`, and for errors in the backend's log.",
        SuggestedAction.CHANGE_ENDPOINT,
    ),
    Cause.RESPONSE_HEADERS_TOO_LARGE: Explanation(
        "The header of the backend's response is too large.",
        "Shorten cookies and other fields at the backend, or raise HOLDFAST_HEADER_KIB.",
    ),
    Cause.TOO_MANY_RESPONSE_HEADERS: Explanation(
        "The header of the backend's response has too many fields.",
        "Look for a field that the backend repeats without end, or raise HOLDFAST_HEADER_FIELDS.",
    ),
    Cause.CONTRADICTORY_LENGTH: Explanation(
        "The backend says different things about the length of its response.",
        "Let the backend send either Content-Length, once and right, or Transfer-Encoding: chunked, but not both.",
    ),
    Cause.CLOSED_BEFORE_RESPONSE: Explanation(
        "The backend ended the connection, or its HTTP/2 stream, before it answered.",
        "Read its log. A backend that asks for a client certificate does this too. One that wants HTTP/1.1 for this "
        "path resets the stream: choose HTTP/1.1 for the endpoint.",
        SuggestedAction.TEST_ENDPOINT,
    ),
    Cause.CLOSED_DURING_RESPONSE: Explanation(
        "The backend's response broke off before it was complete.",
        "Look in the backend's log for a crash, a restart or a time limit at that time.",
    ),
    Cause.STREAM_REFUSED: Explanation(
        "The backend refused the request before it looked at it (HTTP/2 REFUSED_STREAM or GOAWAY).",
        "The backend is shutting down or overloaded. Read its log; let it accept more concurrent streams.",
    ),
    Cause.TOO_MANY_OPEN_REQUESTS: Explanation(
        "The backend has as many open requests as the gateway allows.",
        "Find out why the backend is slow. If it can take more at once, raise HOLDFAST_BACKEND_REQUESTS (for "
        "websockets, HOLDFAST_BACKEND_WEBSOCKETS) and HOLDFAST_BACKEND_CONNECTIONS.",
    ),
    Cause.CONNECTION_REFUSED: Explanation(
        "The backend refuses connections.",
        "Check that it runs and that host and port are right.",
        SuggestedAction.CHANGE_ENDPOINT,
    ),
    Cause.DNS_FAILURE: Explanation(
        "The host of this endpoint has no address.",
        "Check its name, and the DNS servers of the gateway's machine.",
        SuggestedAction.CHANGE_ENDPOINT,
    ),
    Cause.TIMEOUT: Explanation(
        "The backend did not answer in time.",
        "Check that it runs, and that no firewall swallows the connection.",
        SuggestedAction.TEST_ENDPOINT,
    ),
    Cause.TRUST_NOT_READY: Explanation(
        "The gateway has not yet been given what this endpoint trusts.", "Wait a moment; if it stays, read the logs."
    ),
    Cause.BACKEND_NOT_READY: Explanation(
        "The gateway isn't ready to call this backend: the API has just been published, or an exception for it ended "
        "while the gateway had no connection to the publisher.",
        "Call again in a moment. If it stays, run `holdfast doctor`.",
    ),
    Cause.CONNECTION_AUTHENTICATION: Explanation(
        "The backend asks callers to authenticate their connection (NTLM or Negotiate). Callers share connections to "
        "the backend, so the gateway removed the challenge.",
        "Let the backend use a scheme that authenticates each request, such as Basic or Bearer, or turn on one "
        "connection per caller for this endpoint.",
        SuggestedAction.CHANGE_ENDPOINT,
    ),
    Cause.OTHER: Explanation(
        "The request failed for a reason that has no code.",
        "Compare the time with the backend's log, and test the endpoint.",
        SuggestedAction.TEST_ENDPOINT,
    ),
    Cause.CALLER_DISCONNECTED: Explanation(
        "The caller ended the connection before the response was complete.",
        "If callers give up waiting, raise their time limit or make the backend faster. The end of a websocket or an "
        "event stream looks like this too, and needs nothing.",
    ),
    Cause.CALLER_STOPPED_SENDING: Explanation(
        "The caller stopped sending its request.",
        "Look for a connection that is lost on the way to the gateway, or a caller that announces more than it sends.",
    ),
    Cause.CALLER_NOT_ACCEPTED: Explanation(
        "The caller presented no client certificate that this API accepts.",
        "Add the caller's certificate to the API, or let the caller present one that is accepted and valid.",
    ),
    Cause.API_NOT_FOUND: Explanation(
        "No published API has this context and version.",
        "Compare the address with the API's Overview, and check that the API is published.",
    ),
    Cause.NOT_A_WEBSOCKET: Explanation(
        "The caller asked for a websocket, and the backend answered with something else, such as a page or a redirect.",
        "Check that the backend opens websockets at this path, and whether it asks for HTTP/1.1 or a sign-in first.",
    ),
    Cause.BAD_REQUEST: Explanation(
        "The gateway cannot read the request as HTTP.",
        "Look at what the caller sends: its request line, its fields, and whether it speaks TLS to a port without.",
    ),
    Cause.REQUEST_REFUSED: Explanation(
        "The gateway does not allow such a request.",
        "Look at what the caller sends: a path with an encoded '..' segment, two Host headers, or characters "
        "that aren't ASCII.",
    ),
    Cause.REQUEST_TOO_LARGE: Explanation(
        "The body of the request is larger than the gateway allows.", "Let the caller send less at once."
    ),
    Cause.REQUEST_HEADERS_TOO_LARGE: Explanation(
        "The header of the request has too many fields, or is too large.",
        "Let the caller send fewer cookies and shorter fields, or raise HOLDFAST_HEADER_KIB or HOLDFAST_HEADER_FIELDS.",
    ),
    Cause.HTTP_VERSION_NOT_SUPPORTED: Explanation(
        "The caller uses a version of HTTP that the gateway does not support.", "Let the caller use HTTP/1.1 or HTTP/2."
    ),
    Cause.GATEWAY_OVERLOADED: Explanation(
        "The gateway has too much to do.", "Give the gateway's machine more memory and file descriptors, or add one."
    ),
}


def explain(cause: Cause, reason: str, limits: BackendLimits = DEFAULT_LIMITS) -> Explanation:
    """Say what *cause* means here, with what Envoy's *reason* and the gateways' *limits* add to it."""
    meaning = EXPLANATIONS[cause]
    more = _more(cause, reason, limits)
    return replace(meaning, sentence=f"{meaning.sentence} {more}") if more else meaning


def _more(cause: Cause, reason: str, limits: BackendLimits) -> str:
    match cause:
        case Cause.HOSTNAME_MISMATCH:
            names = read_presented_names(reason)
            return f"It has {names}." if names else ""
        case Cause.TOO_MANY_OPEN_REQUESTS:
            return (
                f"It allows {limits.requests:,} at once, {limits.connections:,} connections, and {limits.pending:,} "
                f"that wait for one; websockets: {limits.websockets:,}."
            )
        case Cause.RESPONSE_HEADERS_TOO_LARGE | Cause.TOO_MANY_RESPONSE_HEADERS | Cause.REQUEST_HEADERS_TOO_LARGE:
            return f"The gateway allows {limits.header_fields:,} fields and {limits.header_kib:,} KiB."
        case Cause.OTHER:
            return f"The gateway says: {reason}." if reason else ""
    return ""
