"""
The progress of a change at the gateways, and its texts.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

MAX_LISTED = 3  # names of gateways in a text


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
    UNUSABLE = "unusable"  # what is stored for an origin can't be read, so gateways refuse its backends

    @property
    def words(self) -> str:
        """The value of REST's member `progress`."""
        return self.replace("-", " ")


@dataclass(frozen=True, slots=True)
class Enforcement:
    """
    The state of a policy at the gateways.

    *gateways* and *enforced_on* count connected gateways. *milliseconds* is the time from the last change to its
    enforcement, or None if this process didn't measure it. *reason* says why a gateway rejected the change, why what
    is stored is unusable, or why no gateway needs the policy. *waiting_for* are connected gateways that don't have
    the change yet, or that rejected it; *disconnected* ones may still have the state before it.
    """

    progress: Progress
    gateways: int = 0
    enforced_on: int = 0
    milliseconds: int | None = None
    reason: str = ""
    # Not compared, because they only explain the state.
    waiting_for: tuple[str, ...] = field(default=(), compare=False)
    disconnected: tuple[str, ...] = field(default=(), compare=False)

    def describe(self, unserved_text: str = "", *, with_time: bool = False) -> str:
        """
        Return the text for an API; *unserved_text* is its own for what gateways don't need.

        *with_time*: also how long it took, which says nothing about whether requests work.
        """
        if unserved_text and self.progress is Progress.NOT_SERVED:
            return unserved_text
        return str(self if with_time else replace(self, milliseconds=None))

    def __str__(self) -> str:
        gateways = f"{self.gateways} gateway{'' if self.gateways == 1 else 's'}"
        absent = f". Not connected: {_list_first(self.disconnected)}" if self.disconnected else ""
        match self.progress:
            case Progress.NOT_SERVED:
                return self.reason or "Takes effect when the API is published"
            case Progress.NO_GATEWAY:
                return "Waiting for gateways: none is connected"
            case Progress.WAITING:
                share = f" ({self.enforced_on} of {self.gateways})" if self.gateways > 1 else ""
                missing_gateways = (
                    _list_first(self.waiting_for) if self.gateways > 1 and self.waiting_for else "gateways"
                )
                return f"Waiting for {missing_gateways}{share}{absent}"
            case Progress.REFUSED:
                by = _list_first(self.waiting_for) if self.gateways > 1 and self.waiting_for else "a gateway"
                return f"Rejected by {by}: {self.reason}"
            case Progress.ENFORCED:
                took = "" if self.milliseconds is None else f" ({self.milliseconds} ms)"
                return f"Enforced on {gateways}{took}{absent}"
            case Progress.UNVERIFIED:
                return f"Verification is off on {gateways}{absent}"
            case Progress.UNUSABLE:
                return f"Gateways refuse this backend. {self.reason}"


def _list_first(names: Sequence[str]) -> str:
    """List the first of *names*, and the number of the others."""
    more = len(names) - MAX_LISTED
    return ", ".join(names[:MAX_LISTED]) + (f" and {more} more" if more > 0 else "")
