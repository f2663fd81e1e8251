"""
Requests by API, environment and status since a start time, because metrics are cumulative.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

from holdfast.apis.traffic.measures import Measures
from holdfast.gateway.resources.cluster_names import read_cluster_name

MAX_SERIES = 10_000  # combinations; requests of others are counted together
BEGIN_AGAIN = timedelta(hours=1)  # after which those that are gone lose their places, if others have none
_Series = tuple[str, int]  # the cluster and the status; 0: the caller left before there was a response
_OTHERS: _Series = ("", 0)
Count = tuple[dict[str, str | int | bool], int]  # attributes, and the number of requests


class Totals:
    """Adds up what Envoy has counted *since* the agent started, or since it began again."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._since = now()
        self._counts: Counter[_Series] = Counter()

    def add(self, clusters: Mapping[str, Measures]) -> None:
        """Add the requests of *clusters*."""
        for cluster, measures in clusters.items():
            if read_cluster_name(cluster) is None:
                continue
            for status, count in measures.statuses.items():
                series = cluster, status
                has_place = series in self._counts or len(self._counts) < MAX_SERIES
                self._counts[series if has_place else _OTHERS] += count

    def read(self) -> tuple[datetime, Sequence[Count]]:
        """
        Return since when requests are counted, and the number of each combination.

        If there weren't enough places for a long time, counting then begins again, so that new APIs get one.
        """
        since, counts = self._since, [_describe(*entry) for entry in self._counts.items()]
        if _OTHERS in self._counts and self._now() - since >= BEGIN_AGAIN:
            self._since = self._now()
            self._counts.clear()
        return since, counts


def _describe(series: _Series, count: int) -> Count:
    cluster = read_cluster_name(series[0])
    if cluster is None:
        return {"otel.metric.overflow": True}, count
    organization, api, environment = cluster
    return (
        {
            "holdfast.organization": organization,
            "holdfast.api.id": api,
            "holdfast.environment": environment,
            "http.response.status_code": series[1],
        },
        count,
    )
