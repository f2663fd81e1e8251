"""
Durations in options: `30s`, `8h`, `90d`, `1h30m`.
"""

import re
from datetime import timedelta

import typer

_PARTS = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d+)?)s)?", re.ASCII)
_NUMBER = re.compile(r"\d+(?:\.\d+)?", re.ASCII)
MAX = timedelta(days=36_500)


def parse_duration(text: str) -> timedelta:
    """Parse a duration longer than 0, with units. Raises BadParameter."""
    match = _PARTS.fullmatch(text.strip())
    if not match or len(text) > 40:
        raise typer.BadParameter(f"{text!r} isn't a duration. Use a form such as 30s, 15m, 8h, 90d or 1h30m.")
    days, hours, minutes, seconds = (float(part or 0) for part in match.groups())
    try:
        duration = timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
    except OverflowError:
        duration = MAX + timedelta(days=1)
    if not timedelta() < duration <= MAX:
        raise typer.BadParameter(f"{text!r} is out of range. Use more than 0 and at most {MAX.days}d.")
    return duration


def parse_seconds(text: str | float) -> float:
    """Parse a duration into seconds; a number without a unit is seconds, for compatibility."""
    if isinstance(text, float):
        return text  # a default
    return float(text) if _NUMBER.fullmatch(text.strip()) else parse_duration(text).total_seconds()
