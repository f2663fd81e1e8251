"""
The failure of a backend.
"""

from dataclasses import dataclass
from datetime import datetime

from holdfast.gateway.failures.causes import Cause
from holdfast.gateway.failures.explanation import Explanation
from holdfast.services.failures.failed_calls import FailedCall

Key = tuple[str, str]  # cluster, and `FailedCall.place`


@dataclass(frozen=True, slots=True)
class Failure:
    """The last failure of a backend at a gateway: the request, since when, and how often."""

    latest: FailedCall
    since: datetime
    count: int

    @property
    def cause(self) -> Cause:
        """The code."""
        return self.latest.cause

    @property
    def last(self) -> datetime:
        """When it was last seen."""
        return self.latest.at

    @property
    def reason(self) -> str:
        """Envoy's description of the failure."""
        return self.latest.reason

    @property
    def request_id(self) -> str:
        """The id of the last request."""
        return self.latest.request_id

    @property
    def explanation(self) -> Explanation:
        """The meaning of the cause, and what to do."""
        return self.latest.explanation
