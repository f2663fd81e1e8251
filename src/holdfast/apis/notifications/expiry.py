"""
The thresholds before a certificate expires at which people are notified.
"""

from datetime import datetime, timedelta

from holdfast.apis.notifications.event import EventSeverity

DAYS = (60, 30, 14, 7, 1)
CA_DAYS = (365, 180, *DAYS)
FIRST = timedelta(days=CA_DAYS[0])
EXPIRED = "0"


def find_threshold(not_after: datetime, now: datetime, *, is_ca: bool = False) -> str | None:
    """Return the lowest threshold that was reached, in days; EXPIRED after expiry, None before the first one."""
    if now > not_after:
        return EXPIRED
    time_left = not_after - now
    reached_days = [days for days in (CA_DAYS if is_ca else DAYS) if time_left <= timedelta(days=days)]
    return str(min(reached_days)) if reached_days else None


def judge_threshold(threshold: str) -> EventSeverity:
    """Return how urgent a threshold is."""
    days = int(threshold)
    if days == 0:
        return EventSeverity.CRITICAL
    return EventSeverity.ERROR if days <= 7 else EventSeverity.WARNING if days <= 30 else EventSeverity.INFO


def describe_rest(not_after: datetime, now: datetime) -> str:
    """Return when a certificate expires or expired, such as `expires in 14 days, on 2026-12-13 08:00 UTC`."""
    moment = f"{not_after:%Y-%m-%d %H:%M} UTC"
    if now > not_after:
        return f"expired on {moment}"
    days = (not_after - now).days
    rest = "today" if days == 0 else "in 1 day" if days == 1 else f"in {days} days"
    return f"expires {rest}, on {moment}"
