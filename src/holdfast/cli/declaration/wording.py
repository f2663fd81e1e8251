"""
Formats values in plans on one line, so that untrusted text can't imitate a line of output.
"""

from typing import Any

from holdfast.cli.terminal.text import make_plain

LONGEST = 200  # characters of an untrusted text
NOTHING = "nothing"


def show_value(value: Any) -> str:
    """Format the value of a field."""
    if isinstance(value, list):
        return ", ".join(map(show_value, value)) or NOTHING
    if isinstance(value, bool):
        return str(value).lower()
    if value is None or value in ("", {}):
        return NOTHING
    text = str(value)
    return repr(text) if "\n" in text else text


def show_text(text: str) -> str:
    """Format untrusted text, such as a certificate's subject, on one line, and shorten it."""
    return make_plain(text if len(text) <= LONGEST else f"{text[:LONGEST]}...")
