"""
Why Envoy can't listen on an address, read from what it says when it refuses a listener.
"""

import re
from dataclasses import dataclass

# Source: source/common/network/listen_socket_impl.cc, measured with 1.40.
_TEXT = re.compile(r"cannot bind '(?P<address>[^']*)': (?P<reason>[^\n;]+)")


@dataclass(frozen=True, slots=True)
class BindFailure:
    """An address (HOST:PORT) that can't be listened on, and the system's word for why."""

    address: str
    reason: str


def bind_failure(message: str) -> BindFailure | None:
    """Find the failure in the text of a NACK; None: the listener was refused for another reason."""
    found = _TEXT.search(message)
    return BindFailure(found["address"], found["reason"].strip()) if found else None
