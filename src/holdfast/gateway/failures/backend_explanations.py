"""
Explanations of backends that were not reached, or did not answer as they should.
"""

from holdfast.gateway.failures.causes import Cause
from holdfast.gateway.failures.explanation import Explanation, SuggestedAction

BACKEND_EXPLANATIONS: dict[Cause, Explanation] = {
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
        SuggestedAction.CHANGE_ENDPOINT_SECURITY,
    ),
    Cause.TOKEN_ENDPOINT_NOT_TRUSTED: Explanation(
        "The gateway gets no token for this backend, because it doesn't trust the token endpoint.",
        "Test the token endpoint under Trust settings of the API's Endpoints page to see what it presents. Then import "
        "its certificate, or that of the CA that issued it.",
        SuggestedAction.IMPORT_TOKEN_CERTIFICATE,
    ),
    Cause.TOKEN_ENDPOINT_UNREACHABLE: Explanation(
        "The gateway gets no token for this backend, because it can't reach the token endpoint.",
        "Check the token URL under Endpoint Security, that the token endpoint is running, and that the gateway can "
        "connect to it.",
        SuggestedAction.CHANGE_ENDPOINT_SECURITY,
    ),
    Cause.TOKEN_REQUEST_REJECTED: Explanation(
        "The token endpoint rejects the gateway's request for a token.",
        "Check the client ID, the secret, the parameters and, with the password grant, the user name and the password "
        "under Endpoint Security, and that the client may use this grant type.",
        SuggestedAction.CHANGE_ENDPOINT_SECURITY,
    ),
    Cause.TOKEN_ANSWER_INVALID: Explanation(
        "The token endpoint's answer contains no token that the gateway can use.",
        "Check the token URL. The answer must be JSON with access_token, and redirects aren't followed.",
        SuggestedAction.CHANGE_ENDPOINT_SECURITY,
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
    Cause.STORED_DATA_UNREADABLE: Explanation(
        "Gateways don't send requests to this backend, because Holdfast can't read a certificate, the trust settings "
        "or the gateway identity that it has stored for it.",
        "General Endpoint Configurations on the API's Endpoints page says which. Replace that certificate, or import "
        "the gateway identity again.",
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
}
