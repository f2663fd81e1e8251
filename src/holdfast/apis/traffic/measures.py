"""
Measures of the requests of a period.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from holdfast.apis.traffic.latencies import Latencies, add_latencies

ABORTED = 0  # the status of a request whose caller left before there was a response


@dataclass(frozen=True, slots=True)
class Measures:
    """
    The requests of one API, environment and gateway in a period.

    *statuses* counts every request. Everything else comes from a sample, which has all requests unless the gateway is
    busy; `sampled` is its size.
    """

    statuses: Mapping[int, int] = field(default_factory=dict)  # requests by status; ABORTED: no response
    latencies: Latencies = ()  # of the sample
    received: int = 0  # bytes from callers, of the sample
    sent: int = 0  # bytes to callers, of the sample
    tls_versions: Mapping[str, int] = field(
        default_factory=dict
    )  # requests of the sample by TLS version with the backend; empty: none
    certificate: str = ""  # SHA-256 of the one that the backend presented last in the sample (hex); empty: none

    @property
    def requests(self) -> int:
        """The number of requests."""
        return sum(self.statuses.values())

    @property
    def failures(self) -> int:
        """The number of responses with a status of 500 or more."""
        return self.count_class(5)

    @property
    def sampled(self) -> int:
        """The number of requests in the sample."""
        return sum(self.tls_versions.values())

    def count_class(self, first_digit: int) -> int:
        """Return the number of responses whose status begins with *first_digit* (0: aborted)."""
        return sum(count for status, count in self.statuses.items() if status // 100 == first_digit)

    def estimate(self, of_sample: int) -> int:
        """Return a sum over all requests, estimated from the one over the sample; the same if that has all."""
        return round(of_sample * self.requests / self.sampled) if self.sampled else of_sample

    def __add__(self, later: "Measures") -> "Measures":
        """Return the measures of both periods."""
        return Measures(
            dict(Counter(self.statuses) + Counter(later.statuses)),
            add_latencies(self.latencies, later.latencies),
            self.received + later.received,
            self.sent + later.sent,
            dict(Counter(self.tls_versions) + Counter(later.tls_versions)),
            later.certificate or self.certificate,
        )

    def to_members(self) -> dict[str, Any]:
        """Return its members as JSON values; `restore` reads them."""
        return {
            "statuses": {str(status): count for status, count in self.statuses.items()},
            "latencies": list(self.latencies),
            "received": self.received,
            "sent": self.sent,
            "tlsVersions": dict(self.tls_versions),
            "certificate": self.certificate,
        }

    @classmethod
    def restore(cls, members: Mapping[str, Any]) -> Self:
        """Return the measures with these members, which `to_members` has written. Raises as `int` does for others."""
        return cls(
            {int(status): int(count) for status, count in members["statuses"].items()},
            tuple(map(int, members["latencies"])),
            int(members["received"]),
            int(members["sent"]),
            {version: int(count) for version, count in members["tlsVersions"].items()},
            str(members["certificate"]),
        )
