"""
Limits for connections to backends.
"""

from dataclasses import dataclass, replace

from holdfast.apis.catalog.connection_settings import ConnectionSettings


@dataclass(frozen=True, slots=True)
class BackendLimits:
    """The limits for one backend: those of all backends, or those that its endpoint has instead."""

    # Seconds until an idle connection closes, which must be before the backend closes it: Node.js, Apache and uvicorn
    # do so after 5.
    idle: float = 4.0
    requests: int = 1024  # open at once
    connections: int = 1024
    pending: int = 1024  # requests waiting for a connection
    websockets: int = 1024  # and other upgrades; they don't count as requests
    # For requests and responses. Envoy's defaults are 100 fields and 60 KiB; nginx accepts 1,000 fields.
    header_fields: int = 1000
    header_kib: int = 128


DEFAULT_LIMITS = BackendLimits()


def limit_backend(limits: BackendLimits, connection: ConnectionSettings) -> BackendLimits:
    """Return *limits* with those that an endpoint has instead."""
    own = {
        "connections": connection.max_connections,
        "pending": connection.max_pending_requests,
        "requests": connection.max_requests,
    }
    values = {name: value for name, value in own.items() if value is not None}
    return replace(limits, **values) if values else limits
