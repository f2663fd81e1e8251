"""
The clock. All layers below take the time as an argument.
"""

from datetime import UTC, datetime


def utc_now() -> datetime:
    """Return the current time (aware, UTC)."""
    return datetime.now(UTC)
