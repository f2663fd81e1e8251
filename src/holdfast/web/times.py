"""
Times on pages: `<local-time>` elements, whose script writes them in the browser's time zone and keeps them current.

Three forms of a time: relative ("3 min ago"), exact ("2026-11-29 04:25 UTC") and the date. The title has the others.
Without JavaScript, all times are in UTC. `local-time.js` has the same rules.
"""

import re
from datetime import UTC, datetime, timedelta
from typing import Literal

from markupsafe import Markup

from holdfast.certificates.validity import EXPIRING_WITHIN
from holdfast.web.fingerprints import mark_up_fingerprints

Form = Literal["relative", "exact", "precise", "date"]
_DAY = timedelta(days=1)
_RELATIVE_WITHIN = 30 * _DAY  # beyond, the date says more
_NOW = timedelta(seconds=10)
_URGENT = 7 * _DAY
_PATTERNS = {"exact": "%Y-%m-%d %H:%M UTC", "precise": "%Y-%m-%d %H:%M:%S UTC", "date": "%Y-%m-%d"}
_TIME_IN_TEXT = re.compile(r"\b(\d{4}-\d\d-\d\d \d\d:\d\d(?::\d\d)? UTC)")


def describe_relative(at: datetime, now: datetime) -> str:
    """Write how long ago *at* was, or in how long it will be; beyond 30 days, its date."""
    distance = abs(at - now)
    if distance >= _RELATIVE_WITHIN:
        return f"{at.astimezone(UTC):%Y-%m-%d}"
    if distance < _NOW:
        return "now" if at > now else "just now"
    seconds = int(distance.total_seconds())
    if seconds < 60:
        amount = f"{seconds // 10 * 10} s"
    elif seconds < 3600:
        amount = f"{seconds // 60} min"
    elif distance < _DAY:
        amount = f"{seconds // 3600} h"
    else:
        amount = f"{distance.days} day{'' if distance.days == 1 else 's'}"
    return f"in {amount}" if at > now else f"{amount} ago"


def describe_days_left(not_after: datetime, now: datetime) -> str:
    """Write how many days a certificate is still valid: "7 days left", "Expires today", "Expired 3 days ago"."""
    days = (not_after - now).days
    if days > 0:
        return f"{days} day{'' if days == 1 else 's'} left"
    if days == 0:
        return "Expires today"
    past = (now - not_after).days
    return f"Expired {past} day{'' if past == 1 else 's'} ago" if past else "Expired today"


def rate_days_left(not_after: datetime, now: datetime) -> str:
    """Return the kind of `state` for a certificate: bad, soon or quiet."""
    if not_after - now < _URGENT:
        return "bad"
    return "soon" if not_after - now < EXPIRING_WITHIN else "quiet"


def write_time(at: datetime, form: Form, now: datetime) -> Markup:
    """Write the element for a time in one of the forms."""
    utc = at.astimezone(UTC)
    relative = describe_relative(at, now)
    exact = utc.strftime(_PATTERNS["precise"])
    text = relative if form == "relative" else utc.strftime(_PATTERNS[form])
    title = f"{exact} ({relative})" if form == "date" else exact if form == "relative" else relative
    return Markup('<local-time form="{}"><time datetime="{}" title="{}">{}</time></local-time>').format(
        form, utc.isoformat(), title, text
    )


def mark_up(text: str, now: datetime, form: Form | None = None) -> Markup:
    """Mark up the times in *text*, such as "until 2026-11-29 04:25 UTC", and its fingerprints; escape the rest."""
    return Markup("").join(
        write_time(_parse(part), form or ("precise" if part.count(":") == 2 else "exact"), now)
        if _TIME_IN_TEXT.fullmatch(part)
        else mark_up_fingerprints(part)
        for part in _TIME_IN_TEXT.split(text)
    )


def _parse(text: str) -> datetime:
    return datetime.fromisoformat(text.removesuffix(" UTC")).replace(tzinfo=UTC)
