"""
The calendar of certificates that expire.
"""

import hashlib
from urllib.parse import quote

from holdfast.services.access.context import Context
from holdfast.services.watch.expiry import Expiry, Source, list_expiries
from holdfast.services.watch.ical import Event, write_calendar
from holdfast.store.access.tokens import Token

MAX_EVENTS = 1000


def build_calendar(context: Context, feed: Token, publisher: str) -> bytes:
    """Return the calendar of the next twelve months, the first 1,000 events; *publisher* is the URL for links."""
    entries = list_expiries(context, limit=MAX_EVENTS)
    events = [_describe(context.user.organization, entry, publisher) for entry in entries]
    return write_calendar("Holdfast: certificates", [*events, _describe_end(feed, publisher)], context.now)


def _describe(organization: str, entry: Expiry, publisher: str) -> Event:
    name, at = entry.name or "(no name)", f"{entry.at:%Y-%m-%d %H:%M} UTC"
    if entry.source is Source.TRUSTED:
        summary = f"Trusted certificate expires: {entry.alias}"
        about = f"{name}, issued by {entry.issuer}, expires at {at}. Gateways trust it for {entry.origin}."
        key = [entry.entry_id, entry.fingerprint]
    else:
        summary = f"Backend's certificate expires: {entry.origin}"
        about = f"{entry.origin} presents {name}, issued by {entry.issuer}, which expires at {at}."
        key = [entry.endpoint_id]
    digest = hashlib.sha256("\n".join((organization, entry.source, *key)).encode()).hexdigest()
    url = f"{publisher}/expiry?month={quote(f'{entry.at:%Y-%m}')}"
    return Event(f"{digest[:32]}@holdfast", entry.at.date(), summary, about, url, entry.source.value)


def _describe_end(feed: Token, publisher: str) -> Event:
    about = "After that, this address no longer works. Create another address on the page Expiry."
    return Event(
        f"{feed.id}@holdfast", feed.expires_at.date(), "This Holdfast calendar ends", about, f"{publisher}/expiry"
    )
