"""
What gateways grant each backend, whichever API it belongs to.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BackendLimits:
    """The limits of connections to one backend, the same for all backends."""

    # Seconds until an unused connection closes: before the backend does it. Node.js, Apache and uvicorn close after 5.
    idle: float = 4.0
    requests: int = 1024  # open at once
    connections: int = 1024
    pending: int = 1024  # requests that wait for a connection
    websockets: int = 1024  # and other upgrades, beside the requests
    # Of requests and of responses. Envoy's own limits are 100 fields and 60 KiB; nginx takes 1,000 fields.
    header_fields: int = 1000
    header_kib: int = 128


DEFAULT_LIMITS = BackendLimits()
