"""Lets a process read the clock that a test sets (see wrong_clocks.py); Python imports it if PYTHONPATH has it."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

from holdfast.server import clock

DIFFERENCE = Path(os.environ["TEST_CLOCK"])  # a file, in seconds


def utc_now() -> datetime:
    """Return the time of a clock that is ahead by the difference."""
    return datetime.now(UTC) + timedelta(seconds=float(DIFFERENCE.read_text()))


clock.utc_now = utc_now
