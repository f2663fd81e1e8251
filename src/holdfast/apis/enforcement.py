"""
The progress of a change at the gateways, and its texts.
"""

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class OriginTrust:
    """The trust of an origin."""

    origin: str


@dataclass(frozen=True, slots=True)
class ApiCallers:
    """The callers of an API that requires caller certificates."""

    api_id: str


Policy = OriginTrust | ApiCallers  # what gateways enforce within an organization


class Progress(StrEnum):
    """The progress of a policy at the gateways."""

    NOT_SERVED = "not-served"
    NO_GATEWAY = "no-gateway"
    WAITING = "waiting"
    REFUSED = "refused"
    ENFORCED = "enforced"
    UNVERIFIED = "unverified"  # an exception is in force

    @property
    def words(self) -> str:
        """The value of REST's member `progress`."""
        return self.replace("-", " ")


@dataclass(frozen=True, slots=True)
class Enforcement:
    """
    The state of a policy at the gateways.

    *milliseconds* is the time from the last change to its enforcement, or None if this process didn't measure it.
    """

    progress: Progress
    gateways: int = 0
    enforced_on: int = 0
    milliseconds: int | None = None
    reason: str = ""

    def __str__(self) -> str:
        gateways = f"{self.gateways} gateway{'' if self.gateways == 1 else 's'}"
        match self.progress:
            case Progress.NOT_SERVED:
                return "Takes effect when the API is published"
            case Progress.NO_GATEWAY:
                return "Waiting for gateways: none is connected"
            case Progress.WAITING:
                counted = f" ({self.enforced_on} of {self.gateways})" if self.gateways > 1 else ""
                return f"Waiting for gateways{counted}"
            case Progress.REFUSED:
                return f"Rejected by a gateway: {self.reason}"
            case Progress.ENFORCED:
                took = "" if self.milliseconds is None else f" ({self.milliseconds} ms)"
                return f"Enforced on {gateways}{took}"
            case Progress.UNVERIFIED:
                return f"Verification is off on {gateways}"
