"""
Requests by API, environment and status since the agent started, because metrics are cumulative.
"""

from collections import Counter
from collections.abc import Iterator, Mapping

from holdfast.apis.traffic.measures import Measures
from holdfast.gateway.resources.cluster_names import read_cluster_name

MAX_SERIES = 10_000  # combinations; requests of others are counted together
_Series = tuple[str, int]  # the cluster and the status; 0: the caller left before there was a response
_OTHERS: _Series = ("", 0)


class Totals:
    """Adds up what Envoy has counted."""

    def __init__(self) -> None:
        self._counts: Counter[_Series] = Counter()

    def add(self, clusters: Mapping[str, Measures]) -> None:
        """Add the requests of *clusters*."""
        for cluster, measures in clusters.items():
            for status, count in measures.statuses.items():
                series = cluster, status
                has_place = series in self._counts or len(self._counts) < MAX_SERIES
                self._counts[series if has_place else _OTHERS] += count

    def read(self) -> Iterator[tuple[dict[str, str | int | bool], int]]:
        """Yield the attributes and the number of requests of each combination."""
        for (cluster, status), count in self._counts.items():
            if (cluster, status) == _OTHERS:
                yield {"otel.metric.overflow": True}, count
            elif named := read_cluster_name(cluster):
                organization, api, environment = named
                yield (
                    {
                        "holdfast.organization": organization,
                        "holdfast.api.id": api,
                        "holdfast.environment": environment,
                        "http.response.status_code": status,
                    },
                    count,
                )
