"""
Timeouts of requests to a backend.
"""

from google.protobuf.duration_pb2 import Duration

from holdfast.apis.catalog.connection_settings import DEFAULT_CONNECT_MS, DEFAULT_IDLE_MS, ConnectionSettings

_LATER_MS = 500


def build_connect_timeout(connection: ConnectionSettings) -> Duration:
    """Return the longest time for connecting, which includes the TLS handshake."""
    return _milliseconds(connection.connect_timeout_ms or DEFAULT_CONNECT_MS)


def build_idle_timeout(connection: ConnectionSettings) -> Duration:
    """Return the longest time in which neither caller nor backend sends anything."""
    later = _LATER_MS if connection.suspend_ms else 0
    return _milliseconds((connection.idle_timeout_ms or DEFAULT_IDLE_MS) + later)


def build_backend_idle_timeout(connection: ConnectionSettings) -> Duration | None:
    """
    Return the longest time in which the backend sends nothing, None if the idle timeout of both sides does.

    Only this timeout counts as a failure of the backend (measured), so backends that can be suspended have it. Because
    it may be followed by another try, the other one ends the request soon afterwards.
    """
    return _milliseconds(connection.idle_timeout_ms or DEFAULT_IDLE_MS) if connection.suspend_ms else None


def build_response_timeout(connection: ConnectionSettings) -> Duration:
    """
    Return the longest time from the end of the request to the end of the response, with all retries; 0 is no limit.

    By default, a stream may last indefinitely, but not be silent.
    """
    return _milliseconds(connection.response_timeout_ms or 0)


def _milliseconds(number: int) -> Duration:
    duration = Duration()
    duration.FromMilliseconds(number)
    return duration
