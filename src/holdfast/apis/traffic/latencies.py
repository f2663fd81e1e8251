"""
Latencies as counts by bucket, and percentiles of them.
"""

from collections.abc import Sequence
from itertools import zip_longest

# Upper bounds in milliseconds, about a third apart; Envoy counts in these. A last bucket holds what takes longer.
BOUNDS = (
    *(1, 2, 3, 4, 5, 7, 10, 14, 20, 30, 40, 50, 70, 100, 140, 200, 300, 400, 500, 700),
    *(1_000, 1_400, 2_000, 3_000, 4_000, 5_000, 7_000, 10_000, 14_000, 20_000, 30_000, 60_000),
)
BUCKETS = len(BOUNDS) + 1
Latencies = tuple[int, ...]  # the number of requests in each bucket; buckets at the end that are empty may be missing


def add_latencies(counts: Sequence[int], other_counts: Sequence[int]) -> Latencies:
    """Return the sum of two counts by bucket."""
    return tuple(a + b for a, b in zip_longest(counts, other_counts, fillvalue=0))


def find_percentile(latencies: Sequence[int], share: float) -> float | None:
    """
    Return the percentile *share* (0 to 1) in milliseconds, None without requests.

    Within a bucket, requests count as evenly spread, so the result can be off by the width of the bucket. Beyond the
    last bound, it is that bound.
    """
    total = sum(latencies)
    if not total:
        return None
    rank, below = share * total, 0
    for index, count in enumerate(latencies[: len(BOUNDS)]):
        if count and below + count >= rank:
            start = BOUNDS[index - 1] if index else 0
            return start + (BOUNDS[index] - start) * (rank - below) / count
        below += count
    return float(BOUNDS[-1])
