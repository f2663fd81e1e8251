"""
What gateways grant each backend, whichever API it belongs to.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BackendLimits:
    """The limits of connections to one backend, the same for all backends."""

    # Seconds until an unused connection closes: before the backend does it. Node.js, Apache and uvicorn close after 5.
    idle: float = 4.0


DEFAULT_LIMITS = BackendLimits()
