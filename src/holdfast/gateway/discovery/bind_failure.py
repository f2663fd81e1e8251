"""
Why Envoy can't listen on an address, read from what it says when it refuses a listener.
"""

import re
from dataclasses import dataclass

# One line for each listener that was refused: "... NAME: cannot bind '[::1]:8280': Address already in use". Measured.
_TEXT = re.compile(r"(?P<name>\S+): cannot bind '(?P<address>[^']*)': (?P<reason>.+)")


@dataclass(frozen=True, slots=True)
class BindFailure:
    """An address (HOST:PORT) that can't be listened on, and the system's word for why."""

    address: str
    reason: str


def read_bind_failures(message: str) -> dict[str, BindFailure]:
    """Find the failures in the text of a NACK by the listener's name; others were refused for other reasons."""
    return {match["name"]: BindFailure(match["address"], match["reason"].strip()) for match in _TEXT.finditer(message)}
