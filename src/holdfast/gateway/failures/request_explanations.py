"""
Explanations of requests that failed for a reason other than their backend.
"""

from holdfast.gateway.failures.causes import Cause
from holdfast.gateway.failures.explanation import Explanation, SuggestedAction

REQUEST_EXPLANATIONS: dict[Cause, Explanation] = {
    Cause.CALLER_DISCONNECTED: Explanation(
        "The caller closed the connection before the response was complete.",
        "If callers give up waiting, raise their timeout or make the backend faster. The normal end of a websocket or "
        "an event stream looks the same and needs no action.",
    ),
    Cause.WEBSOCKET_IDLE: Explanation(
        "The gateway closed a websocket on which nobody had sent anything for the idle timeout.",
        "Let the caller or the backend send pings more often, or raise the idle timeout of the endpoint.",
        SuggestedAction.CHANGE_ENDPOINT,
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
        "Check what the caller sends: a path with an encoded '..' segment, two Host headers, characters that aren't "
        "ASCII, or the method TRACE.",
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
