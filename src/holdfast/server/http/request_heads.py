"""
Strict parsing of request heads: only requests that every parser, such as a proxy in front, reads the same way.
"""

import re

import h11

EVENTS = b"text/event-stream"
_END = b"\r\n\r\n"
_BLANK = (b"\n\r\n", b"\n\n")  # where a head ends for h11
_LONE = re.compile(rb"(?<!\r)\n|\r(?!\n|\Z)|\0")
_FOLDED = re.compile(rb"\n[ \t]")
_FRAMING = re.compile(rb"\n(content-length|transfer-encoding)[ \t]*:([^\r]*)\r", re.IGNORECASE)


class StrictConnection(h11.Connection):
    """h11, without its leniency where other parsers may differ (RFC 9112, sections 2.2, 5.2 and 6.3)."""

    def __init__(self, max_head: int) -> None:
        """*max_head* is the maximum size of a head in bytes."""
        super().__init__(h11.SERVER, max_head)
        self._max_head = max_head
        self.sends_events = False

    def send_with_data_passthrough(self, event: h11.Event) -> list[bytes] | None:
        """Return the bytes to send, like `send`; note whether the response is an event stream, which never ends."""
        if isinstance(event, h11.Response):
            types = [value for name, value in event.headers if name == b"content-type"]
            self.sends_events = any(value.startswith(EVENTS) for value in types)
        return super().send_with_data_passthrough(event)

    def next_event(self) -> h11.Event | type[h11.NEED_DATA] | type[h11.PAUSED]:
        """Return the next event. Raises RemoteProtocolError for an ambiguous head."""
        if self.their_state is h11.IDLE:
            _check_head(self.trailing_data[0], self._max_head)
        return super().next_event()


def _check_head(data: bytes, max_head: int) -> None:
    """
    Raise RemoteProtocolError if the head at the start of *data* is too long or ambiguous. It may be incomplete.

    Ambiguous are lines that don't end with CRLF, folded lines, NUL, a Content-Length that isn't a number, and more than
    one Content-Length or Transfer-Encoding, including one of each.
    """
    if not any(blank in data for blank in _BLANK):
        return  # incomplete; the head may arrive byte by byte, so check it only once
    head = data.partition(_END)[0] + b"\r\n"
    if len(head) > max_head:  # h11 limits only incomplete heads
        raise h11.RemoteProtocolError("the head is too long")
    if _LONE.search(head) or _FOLDED.search(head):
        raise h11.RemoteProtocolError("malformed line in the head")
    framing = _FRAMING.findall(head)
    if len(framing) > 1:
        raise h11.RemoteProtocolError("more than one header says where the body ends")
    if any(name.lower() == b"content-length" and not value.strip(b" \t").isdigit() for name, value in framing):
        raise h11.RemoteProtocolError("Content-Length is not a number")
