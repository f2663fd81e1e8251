"""
Calendars in the format of RFC 5545. Pure.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime

_LINE = 75  # octets (RFC 5545, section 3.1)


@dataclass(frozen=True, slots=True)
class Event:
    """An event that lasts the whole *day*; the *uid* stays the same for the same object."""

    uid: str
    day: date
    summary: str
    description: str
    url: str = ""
    category: str = ""


def write_calendar(name: str, events: Iterable[Event], now: datetime) -> bytes:
    """Return a calendar called *name* with *events*, as read at *now* (aware)."""
    lines = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//Holdfast//Expiry//EN",
        "CALSCALE:GREGORIAN",
        f"NAME:{escape(name)}",  # RFC 7986, section 5.1
        f"X-WR-CALNAME:{escape(name)}",
        "REFRESH-INTERVAL;VALUE=DURATION:PT6H",
    ]
    for event in events:
        lines += _write_event(event, now)
    lines.append("END:VCALENDAR")
    return b"".join(fold(line) for line in lines)


def _write_event(event: Event, now: datetime) -> Iterator[str]:
    yield "BEGIN:VEVENT"
    yield f"UID:{event.uid}"
    yield f"DTSTAMP:{now.astimezone(UTC):%Y%m%dT%H%M%SZ}"
    yield f"DTSTART;VALUE=DATE:{event.day:%Y%m%d}"
    yield f"SUMMARY:{escape(event.summary)}"
    yield f"DESCRIPTION:{escape(event.description)}"
    if event.url:
        yield f"URL:{event.url}"
    if event.category:
        yield f"CATEGORIES:{escape(event.category)}"
    yield "TRANSP:TRANSPARENT"  # it doesn't make the user busy
    yield "END:VEVENT"


def escape(text: str) -> str:
    """Escape *text* as the value of a property (RFC 5545, section 3.3.11); control characters are left out."""
    for character in ("\\", ";", ","):
        text = text.replace(character, f"\\{character}")
    text = text.replace("\r\n", "\n").replace("\n", "\\n")
    return "".join(character for character in text if character.isprintable())


def fold(line: str) -> bytes:
    """Return *line* in UTF-8 with its end, in pieces of at most 75 octets (RFC 5545, section 3.1)."""
    pieces, piece = [], b""
    for character in line:
        data = character.encode("utf-8", "replace")
        if len(piece) + len(data) > _LINE:
            pieces.append(piece)
            piece = b" "
        piece += data
    return b"\r\n".join([*pieces, piece]) + b"\r\n"
