"""
Timeouts of requests to a backend.
"""

from envoy.config.route.v3.route_components_pb2 import RouteAction
from google.protobuf.duration_pb2 import Duration

from holdfast.apis.catalog.connection_settings import DEFAULT_CONNECT_MS, DEFAULT_IDLE_MS, ConnectionSettings

_LATER_MS = 500


def build_connect_timeout(connection: ConnectionSettings) -> Duration:
    """Return the longest time for connecting, which includes the TLS handshake."""
    return _build_duration(connection.connect_timeout_ms or DEFAULT_CONNECT_MS)


def build_idle_timeout(connection: ConnectionSettings) -> Duration:
    """Return the longest time in which neither caller nor backend sends anything."""
    return _build_duration(connection.idle_timeout_ms or DEFAULT_IDLE_MS)


def count_silence(action: RouteAction) -> None:
    """
    Let the idle timeout of *action* count as a failure of the backend, which can then be suspended.

    Only the timeout of a try counts (measured). Because it may be followed by another try, the timeout of the request
    ends it soon afterwards. It wouldn't count on a websocket, whose request doesn't end (measured).
    """
    silence = action.idle_timeout.ToMilliseconds()
    action.retry_policy.per_try_idle_timeout.FromMilliseconds(silence)
    action.idle_timeout.FromMilliseconds(silence + _LATER_MS)


def build_response_timeout(connection: ConnectionSettings) -> Duration:
    """
    Return the longest time from the end of the request to the end of the response, with all retries; 0 is no limit.

    By default, a stream may last indefinitely, but not be silent.
    """
    return _build_duration(connection.response_timeout_ms or 0)


def _build_duration(number: int) -> Duration:
    duration = Duration()
    duration.FromMilliseconds(number)
    return duration
