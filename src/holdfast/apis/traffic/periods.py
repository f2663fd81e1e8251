"""
The periods that traffic is added up for, and how charts divide a range of time.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

MINUTE, HOUR, DAY = 60, 3600, 86_400  # seconds
RESOLUTIONS = (MINUTE, HOUR, DAY)
REPORTING_TIME = timedelta(seconds=20)  # after the end of a period, until gateways have reported it


def start_of(moment: datetime, seconds: int) -> datetime:
    """Return the start of the period, *seconds* long, that contains *moment* (in UTC)."""
    return moment - timedelta(seconds=moment.timestamp() % seconds)


@dataclass(frozen=True, slots=True)
class Range:
    """A range of time before now: its *length*, the *step* between points of a chart, and the rows that are read."""

    name: str
    length: int  # seconds
    step: int  # seconds
    resolution: int

    def compute_bounds(self, now: datetime) -> tuple[datetime, datetime]:
        """Return the start, and the end, where both begin a step and the last step contains now."""
        end = start_of(now - REPORTING_TIME, self.step) + timedelta(seconds=self.step)
        return end - timedelta(seconds=self.length), end


RANGES = {
    period.name: period
    for period in (
        Range("1h", HOUR, MINUTE, MINUTE),
        Range("6h", 6 * HOUR, 5 * MINUTE, MINUTE),
        Range("24h", DAY, 30 * MINUTE, MINUTE),
        Range("7d", 7 * DAY, 3 * HOUR, HOUR),
        Range("30d", 30 * DAY, 12 * HOUR, HOUR),
    )
}
