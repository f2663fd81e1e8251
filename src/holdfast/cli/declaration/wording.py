"""
Values as a plan shows them, each on one line: what others wrote can't look like a line of its own.
"""

from typing import Any

from holdfast.cli.terminal.text import make_plain

LONGEST = 200  # characters of a text that others wrote
NOTHING = "nothing"


def show_value(value: Any) -> str:
    """Write a value of a field."""
    if isinstance(value, list):
        return ", ".join(map(show_value, value)) or NOTHING
    if isinstance(value, bool):
        return str(value).lower()
    if value is None or value in ("", {}):
        return NOTHING
    text = str(value)
    return repr(text) if "\n" in text else text


def show_text(text: str) -> str:
    """Write a text that may come from anybody, like a certificate's subject: its beginning, and no line end."""
    return make_plain(text if len(text) <= LONGEST else f"{text[:LONGEST]}...")
