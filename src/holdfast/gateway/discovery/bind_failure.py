"""
Why Envoy can't listen on an address, read from its NACK of the listener.
"""

import re
from dataclasses import dataclass

# One line for each rejected listener (measured): "... NAME: cannot bind '[::1]:8280': Address already in use".
# A name is a whole word: with any other start, long texts of a hostile gateway would take the square of their length.
_TEXT = re.compile(r"(?<!\S)(?P<name>\S+): cannot bind '(?P<address>[^']*)': (?P<reason>.+)")


@dataclass(frozen=True, slots=True)
class BindFailure:
    """An address (HOST:PORT) that Envoy can't listen on, and the operating system's reason."""

    address: str
    reason: str


def read_bind_failures(message: str) -> dict[str, BindFailure]:
    """Return the bind failures in the text of a NACK, by listener name; other listeners failed for other reasons."""
    return {match["name"]: BindFailure(match["address"], match["reason"].strip()) for match in _TEXT.finditer(message)}
