"""
Differences between two flushes of an Envoy, as measures by cluster.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from holdfast.apis.traffic.latencies import Latencies
from holdfast.apis.traffic.measures import Measures
from holdfast.gateway.resources.constants import (
    MILLISECONDS,
    RECEIVED,
    REQUESTS,
    SAMPLED,
    SENT,
    STATS_PREFIX,
    STATS_TAG,
)
from holdfast.gateway.traffic.metrics_service import Flush

MAX_COUNTERS = 100_000  # that are remembered; others aren't counted, which reports say
_PROCESSES = 2  # an Envoy, and the one that it has replaced
_NAMES = {f"{STATS_PREFIX}.{name}.{STATS_TAG}.": name for name in (REQUESTS, SAMPLED, RECEIVED, SENT, MILLISECONDS)}
NO_COUNTERS: Mapping[str, int] = MappingProxyType({})


@dataclass(slots=True)
class _Sums:
    """Measures of one cluster while they are added up."""

    statuses: dict[int, int] = field(default_factory=dict)
    latencies: Latencies = ()
    received: int = 0
    sent: int = 0
    tls_versions: dict[str, int] = field(default_factory=dict)

    def add(self, name: str, detail: str, count: int) -> None:
        if name == REQUESTS and detail.isdecimal():
            self.statuses[int(detail)] = count
        elif name == RECEIVED:
            self.received = count
        elif name == SENT:
            self.sent = count
        elif name == SAMPLED:
            version = detail.partition(" ")[0]  # listeners of earlier versions add a certificate
            self.tls_versions[version] = self.tls_versions.get(version, 0) + count

    def to_measures(self) -> Measures:
        return Measures(self.statuses, self.latencies, self.received, self.sent, self.tls_versions)


class Counting:
    """
    The last counters of each Envoy process, which the next flush is compared with.

    An Envoy that takes over from another one gets what the other one counts after its last flush, so both are counted
    once. Latencies of requests that the other one then finishes are missing, because Envoy doesn't pass them on.
    """

    def __init__(self, last: Mapping[str, Mapping[str, int]], *, is_new: bool) -> None:
        """*last* has the counters by process; if it is empty, *is_new* says whether Envoy began to count just now."""
        self.last = {process: dict(counters) for process, counters in last.items()}
        self._skips = not last and not is_new
        self.uncounted = 0  # counters without a place

    def compare(self, flush: Flush) -> dict[str, Measures]:
        """Return what has been counted since the last flush of the same process, by cluster."""
        before = self.last.pop(flush.process, NO_COUNTERS)
        counters = {name: value for name, value in flush.counters.items() if name.startswith(f"{STATS_PREFIX}.")}
        self.uncounted = max(0, len(counters) - MAX_COUNTERS)
        if self.uncounted:
            counters = {
                name: counters[name]
                for name in sorted(counters, key=lambda full_name: full_name not in before)[:MAX_COUNTERS]
            }
        self.last[flush.process] = counters
        while len(self.last) > _PROCESSES:
            self.last.pop(next(iter(self.last)))
        if self._skips:
            self._skips = False
            return {}
        return _sum_up(counters, before, flush.latencies)


def _sum_up(
    counters: Mapping[str, int], before: Mapping[str, int], latencies: Mapping[str, Latencies]
) -> dict[str, Measures]:
    sums: defaultdict[str, _Sums] = defaultdict(_Sums)
    for full_name, value in counters.items():
        if (count := value - before.get(full_name, 0)) > 0:
            name, cluster, detail = _split(full_name)
            if cluster:
                sums[cluster].add(name, detail, count)
    for full_name, counts in latencies.items():
        name, cluster, _ = _split(full_name)
        if name == MILLISECONDS and cluster:
            sums[cluster].latencies = counts
    return {cluster: cluster_sums.to_measures() for cluster, cluster_sums in sums.items()}


def _split(full_name: str) -> tuple[str, str, str]:
    """Return the name of a statistic, its cluster, and the rest of its tag; an unknown one has no cluster."""
    for prefix, name in _NAMES.items():
        if full_name.startswith(prefix):
            cluster, _, detail = full_name.removeprefix(prefix).partition(" ")
            return name, cluster, detail
    return "", "", ""
