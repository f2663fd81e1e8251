"""
Measures that wait to be reported, by minute, and the numbered parts in which they are reported.
"""

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from holdfast.apis.traffic.measures import Measures

PART = 250  # clusters in a part, so that it fits into a message
MAX_WAITING = 40_000  # measures of clusters in all parts, where an empty part counts as one; the oldest are dropped


@dataclass(frozen=True, slots=True)
class Part:
    """
    A part of a minute's traffic, with a number that is the highest so far.

    *seconds* of the minute are covered by this part, in addition to those of other parts. *is_late*: it has requests
    of earlier minutes, because the agent wasn't running. *uncounted* statistics had no place; *dropped* parts before
    this one are lost.
    """

    number: int
    minute: datetime  # its start (aware, UTC)
    seconds: float
    is_late: bool
    uncounted: int
    dropped: int
    clusters: Mapping[str, Measures]


class Backlog:
    """Traffic that no control plane has stored yet, of limited size; parts stay until they are acknowledged."""

    def __init__(self, number: int = 0, parts: Iterable[Part] = ()) -> None:
        """*number* is that of the last part that was cut; *parts* wait."""
        self.number = number
        self._parts = deque(parts)
        self._dropped = 0
        self._open: datetime | None = None  # the minute that is measured; None: nothing was since the last cut
        self._seconds = 0.0
        self._is_late = False
        self._uncounted = 0
        self._clusters: dict[str, Measures] = {}

    @property
    def parts(self) -> tuple[Part, ...]:
        """The parts that wait, the oldest first."""
        return tuple(self._parts)

    @property
    def open(self) -> datetime | None:
        """The minute whose measures aren't cut yet."""
        return self._open

    @property
    def is_small(self) -> bool:
        """Whether the open minute can be cut before it is over."""
        return len(self._clusters) <= PART

    def acknowledge(self, number: int) -> None:
        """Forget the parts up to this number."""
        while self._parts and self._parts[0].number <= number:
            self._parts.popleft()

    def add(
        self, minute: datetime, clusters: Mapping[str, Measures], seconds: float, *, is_late: bool, uncounted: int
    ) -> None:
        """Add what was measured in *minute*, which is the open one, or begins now."""
        self._open = minute
        self._seconds += seconds
        self._is_late |= is_late
        self._uncounted = max(self._uncounted, uncounted)
        for cluster, measures in clusters.items():
            before = self._clusters.get(cluster)
            self._clusters[cluster] = before + measures if before else measures

    def cut(self) -> None:
        """Make parts of the open minute, if there is one."""
        if self._open is None:
            return
        names, seconds = list(self._clusters), self._seconds
        for start in range(0, max(len(names), 1), PART):
            self.number += 1
            clusters = {name: self._clusters[name] for name in names[start : start + PART]}
            self._parts.append(
                Part(self.number, self._open, seconds, self._is_late, self._uncounted, self._dropped, clusters)
            )
            seconds, self._dropped = 0.0, 0
        self._open, self._seconds, self._is_late, self._uncounted, self._clusters = None, 0.0, False, 0, {}
        self._limit()

    def _limit(self) -> None:
        """Drop the oldest parts, but never the only one."""
        size = sum(max(len(part.clusters), 1) for part in self._parts)
        while size > MAX_WAITING and len(self._parts) > 1:
            oldest = self._parts.popleft()
            size -= max(len(oldest.clusters), 1)
            self._dropped += oldest.dropped + 1
