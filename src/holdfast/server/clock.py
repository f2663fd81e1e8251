"""
The only clock: everything below takes the time as an argument.
"""

from datetime import UTC, datetime


def utc_now() -> datetime:
    """Return the time, aware."""
    return datetime.now(UTC)
